{{/* What the operator may do where its pipelines are: the rules of its Role or of its ClusterRole. No wildcards, and no
     kind that it does not handle. */}}
{{- define "eventpipeline.rules" -}}
- apiGroups: [eventpipeline.dev]
  resources: [eventpipelines]
  verbs: [list, watch, patch]
- apiGroups: [eventpipeline.dev]
  resources: [eventpipelines/status]
  verbs: [patch]
# What pipelines are made of; workloads are watched.
- apiGroups: [""]
  resources: [configmaps, services]
  verbs: [get, list, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
# A store is never deleted: it goes with its pipeline, by Kubernetes.
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [ingresses, networkpolicies]
  verbs: [get, list, create, patch, delete]
{{- if .Values.podMonitor.enabled }}
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors]
  verbs: [get, list, create, patch, delete]
{{- end }}
# Made once and never applied over; deleted with `deletionPolicy: Delete`.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, create, patch, delete]
# Made by StatefulSets; grown, and deleted with `deletionPolicy: Delete`.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [list, patch, delete]
# Why one is not ready.
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
