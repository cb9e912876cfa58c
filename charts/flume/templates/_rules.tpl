{{- /*
What the operator does with the objects of the namespaces that it watches.
Owners delete their children by themselves, so that it may delete nothing.
*/ -}}
{{- define "flume.rules" -}}
- apiGroups: [flume.dev]
  resources: [pipelines]
  verbs: [get, list, watch, patch] # patch: the finalizer, where deletionPolicy asks for one
- apiGroups: [flume.dev]
  resources: [pipelines/status]
  verbs: [patch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, patch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- with .Values.redisSecrets }}
- apiGroups: [""]
  resources: [secrets]
  resourceNames: {{- toYaml . | nindent 4 }}
  verbs: [get]
{{- end }}
{{- end -}}
