{{/* What no schema can say: values that are wrong together, and clusters in which they cannot be installed. Looking at
     the cluster gives nothing in `helm template`, and then nothing is refused for it. */}}
{{- define "eventpipeline.preflight" -}}
{{- range $name, $image := .Values.images -}}
{{- if and (has $name (list "redis" "postgres" "mongo")) (not $image.tag) (not $image.digest) -}}
{{- fail (printf "\n\n`images.%s` must have a `tag` or a `digest`: `image.tag` is for our own images.\n" $name) -}}
{{- end -}}
{{- end -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) -}}
{{- fail "\n\n`serviceAccount.name` must say which one when `serviceAccount.create` is false: the operator's rights must not go to the namespace's `default`.\n" -}}
{{- end -}}
{{- $own := dict "podLabels" .Values.podLabels "podMonitor.labels" .Values.podMonitor.labels -}}
{{- $own = merge $own (dict "prometheusRule.labels" .Values.prometheusRule.labels "dashboard.labels" .Values.dashboard.labels) -}}
{{- range $value, $labels := $own -}}
{{- range $label, $_ := $labels -}}
{{- if or (hasPrefix "app.kubernetes.io/" $label) (hasPrefix "helm.sh/" $label) -}}
{{- fail (printf "\n\n`%s` may not have %s: labels of this kind are the chart's own, and select the pod.\n" $value $label) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.podMonitor.enabled (not (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/PodMonitor")) -}}
{{- fail "\n\n`podMonitor.enabled`: the cluster has no kind PodMonitor. Install the Prometheus operator first, or leave it off. (`helm template` is told of the kind by --api-versions monitoring.coreos.com/v1/PodMonitor.)\n" -}}
{{- end -}}
{{- if and .Values.prometheusRule.enabled (not (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/PrometheusRule")) -}}
{{- fail "\n\n`prometheusRule.enabled`: the cluster has no kind PrometheusRule. Install the Prometheus operator first, or leave it off. (`helm template` is told of the kind by --api-versions monitoring.coreos.com/v1/PrometheusRule.)\n" -}}
{{- end -}}
{{- if .Values.crds.install -}}
{{- $definition := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "eventpipelines.eventpipeline.dev" -}}
{{- with include "eventpipeline.otherOwner" (dict "root" . "object" $definition) -}}
{{- fail (printf "\n\n`crds.install`: the definition eventpipelines.eventpipeline.dev is there and belongs to %s.\nIf that is in use, install with --set crds.install=false. If not, take the definition over, pipelines and data stay:\n  kubectl annotate --overwrite crd/eventpipelines.eventpipeline.dev meta.helm.sh/release-name=%s meta.helm.sh/release-namespace=%s\n  kubectl label --overwrite crd/eventpipelines.eventpipeline.dev app.kubernetes.io/managed-by=Helm\n" . $.Release.Name $.Release.Namespace) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.rbac.create (eq .Values.scope "Cluster") -}}
{{- $role := lookup "rbac.authorization.k8s.io/v1" "ClusterRole" "" (include "eventpipeline.clusterRole" .) -}}
{{- with include "eventpipeline.otherOwner" (dict "root" . "object" $role) -}}
{{- fail (printf "\n\n`scope: Cluster`: an operator of %s looks after all namespaces already, and two would work against each other. Use that one, or uninstall it first; pipelines and their data stay.\n" .) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Who else has an object of the cluster, in words; empty when it is not there or is this release's. */}}
{{- define "eventpipeline.otherOwner" -}}
{{- if .object -}}
{{- $name := dig "metadata" "annotations" "meta.helm.sh/release-name" "" .object -}}
{{- $namespace := dig "metadata" "annotations" "meta.helm.sh/release-namespace" "" .object -}}
{{- if not (and $name (eq (dig "metadata" "labels" "app.kubernetes.io/managed-by" "" .object) "Helm")) -}}
something that is not a Helm release
{{- else if or (ne $name .root.Release.Name) (ne $namespace .root.Release.Namespace) -}}
release {{ $name }} in namespace {{ $namespace }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* One name in every cluster, so that Helm, too, lets only one release have it. */}}
{{- define "eventpipeline.clusterRole" -}}
eventpipeline-operator
{{- end }}
