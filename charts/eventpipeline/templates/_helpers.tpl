{{/* Names, labels and images. */}}

{{/* The beginning of every name; at most 50 characters, so that what is appended fits into 63. */}}
{{- define "eventpipeline.fullname" -}}
{{- $name := .Release.Name -}}
{{- if not (contains .Chart.Name $name) }}{{ $name = printf "%s-%s" $name .Chart.Name }}{{ end -}}
{{- .Values.fullnameOverride | default $name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "eventpipeline.operator" -}}
{{ include "eventpipeline.fullname" . }}-operator
{{- end }}

{{- define "eventpipeline.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "eventpipeline.operator" .) }}
{{- end }}

{{/* A Deployment's selector can never be changed: nothing is ever added here. Network policies of pipelines let in pods
     of this `name`, whatever the release is called. */}}
{{- define "eventpipeline.selector" -}}
app.kubernetes.io/name: eventpipeline-operator
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "eventpipeline.labels" -}}
{{ include "eventpipeline.selector" . }}
app.kubernetes.io/part-of: eventpipeline
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The reference of an image: (dict "root" $ "name" "api"). A digest makes a tag superfluous. */}}
{{- define "eventpipeline.image" -}}
{{- $image := index .root.Values.images .name -}}
{{- $registry := .root.Values.image.registry | default $image.registry -}}
{{- $tag := $image.tag -}}
{{- if has .name (list "operator" "api" "worker") -}}
{{- $tag = $tag | default .root.Values.image.tag | default .root.Chart.AppVersion -}}
{{- end -}}
{{- with $registry }}{{ . }}/{{ end }}{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $tag }}{{ end -}}
{{- end }}
