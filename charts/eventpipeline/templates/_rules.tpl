{{/* What the operator may do where its pipelines are: the rules of its Role or of its ClusterRole. No wildcards, and no
     kind that it does not handle. */}}
{{- define "eventpipeline.rules" -}}
- apiGroups: [eventpipeline.dev]
  resources: [eventpipelines]
  verbs: [get, list, watch, update, patch]
- apiGroups: [eventpipeline.dev]
  resources: [eventpipelines/status]
  verbs: [get, update, patch]
# Owner references that block a deletion ask for it.
- apiGroups: [eventpipeline.dev]
  resources: [eventpipelines/finalizers]
  verbs: [update]
# What pipelines are made of.
- apiGroups: [""]
  resources: [configmaps, services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [ingresses, networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
{{- if .Values.podMonitor.enabled }}
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors]
  verbs: [get, list, watch, create, patch, delete]
{{- end }}
# Made once and never applied over; deleted with `deletionPolicy: Delete`.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, create, patch, delete]
# Made by StatefulSets; grown, and deleted with `deletionPolicy: Delete`.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, patch, delete]
# Why one is not ready.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
