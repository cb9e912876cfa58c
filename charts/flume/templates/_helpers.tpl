{{- define "flume.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains "flume" .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-flume" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* Names of what belongs to no namespace: releases in two namespaces must not meet. */ -}}
{{- define "flume.clusterName" -}}
{{- printf "%s:%s" .Release.Namespace (include "flume.fullname" .) -}}
{{- end -}}

{{- define "flume.selector" -}}
app.kubernetes.io/name: flume-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "flume.valkeySelector" -}}
app.kubernetes.io/name: flume-valkey
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* Labels that say where an object comes from, without what selectors use. */ -}}
{{- define "flume.origin" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: flume
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "flume.labels" -}}
{{ include "flume.selector" . }}
{{ include "flume.origin" . }}
{{- end -}}

{{- define "flume.valkeyLabels" -}}
{{ include "flume.valkeySelector" . }}
{{ include "flume.origin" . }}
{{- end -}}

{{- define "flume.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "flume.fullname" .) -}}
{{- end -}}

{{- /* Takes a dictionary with image and version. */ -}}
{{- define "flume.image" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .image.repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .image.repository (.image.tag | default .version) -}}
{{- end -}}
{{- end -}}

{{- define "flume.valkeyName" -}}
{{- printf "%s-valkey" (include "flume.fullname" .) -}}
{{- end -}}
