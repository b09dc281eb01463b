{{- /* Names and labels. */ -}}

{{- define "keyferry.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "keyferry.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $combined := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- default $combined .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "keyferry.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "keyferry.serviceAccountName" -}}
{{- default (.Values.serviceAccount.create | ternary (include "keyferry.fullname" .) "default") .Values.serviceAccount.name }}
{{- end }}

{{- define "keyferry.selectorLabels" -}}
app.kubernetes.io/name: {{ include "keyferry.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "keyferry.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "keyferry.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "keyferry.image" -}}
{{- printf "%s:%s" (default .Values.image.repository .Values.global.repository) (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}

{{- /* The namespaces that are watched, comma-separated; empty for all. */ -}}
{{- define "keyferry.watched" -}}
{{- default (.Values.scopedRBAC | ternary (include "keyferry.namespace" .) "") .Values.scopedNamespace }}
{{- end }}

{{- /* `true`, or nothing. Without rights over the cluster nothing can be learned of ClusterSecretStores. */ -}}
{{- define "keyferry.clusterStores" -}}
{{- if and .Values.processClusterStore (not .Values.scopedRBAC) }}true{{ end }}
{{- end }}
