{{- /* Parts of the pod. */ -}}

{{- define "keyferry.args" -}}
- controller
- --metrics-addr=:{{ .Values.metrics.listen.port }}
- --live-addr=:{{ .Values.live.port }}
- --concurrent={{ .Values.concurrent }}
- --loglevel={{ .Values.log.level }}
- --zap-time-encoding={{ .Values.log.timeEncoding }}
{{- with .Values.controllerClass }}
- --controller-class={{ . }}
{{- end }}
{{- with include "keyferry.watched" . }}
- --namespace={{ . }}
{{- end }}
{{- if not (include "keyferry.clusterStores" .) }}
- --enable-cluster-store-reconciler=false
{{- end }}
{{- if not .Values.processSecretStore }}
- --enable-secret-store-reconciler=false
{{- end }}
{{- if .Values.genericTargets.enabled }}
- --unsafe-allow-generic-targets
{{- end }}
{{- with .Values.storeRequeueInterval }}
- --store-requeue-interval={{ . }}
{{- end }}
{{- if ne (toString .Values.statusStampInterval) "" }}
- --status-stamp-interval={{ .Values.statusStampInterval }}
{{- end }}
{{- range $name, $value := .Values.extraArgs }}
- {{ kindIs "invalid" $value | ternary (printf "--%s" $name) (printf "--%s=%v" $name $value) | quote }}
{{- end }}
{{- end }}

{{- /* A security context without the switch and, where OpenShift chooses them, without user and groups.
       Takes a dict of `root` and `context`. */ -}}
{{- define "keyferry.securityContext" -}}
{{- $mode := .root.Values.global.compatibility.openshift.adaptSecurityContext }}
{{- $openshift := .root.Capabilities.APIVersions.Has "security.openshift.io/v1" }}
{{- $context := omit .context "enabled" }}
{{- if or (eq $mode "force") (and (eq $mode "auto") $openshift) }}
{{- $context = omit $context "fsGroup" "runAsUser" "runAsGroup" }}
{{- end }}
{{- toYaml $context }}
{{- end }}

{{- /* Fields of the pod's spec that are written as they are, each only where it is set. */ -}}
{{- define "keyferry.placement" -}}
{{- $global := .Values.global }}
{{- $fields := dict
  "imagePullSecrets" (default $global.imagePullSecrets .Values.imagePullSecrets)
  "nodeSelector" (default $global.nodeSelector .Values.nodeSelector)
  "tolerations" (default $global.tolerations .Values.tolerations)
  "topologySpreadConstraints" (default $global.topologySpreadConstraints .Values.topologySpreadConstraints)
  "affinity" (default $global.affinity .Values.affinity)
  "hostAliases" (default $global.hostAliases .Values.hostAliases)
  "hostNetwork" .Values.hostNetwork
  "dnsPolicy" .Values.dnsPolicy
  "dnsConfig" .Values.dnsConfig
  "priorityClassName" .Values.priorityClassName
  "schedulerName" .Values.schedulerName
  "runtimeClassName" .Values.runtimeClassName
  "terminationGracePeriodSeconds" .Values.terminationGracePeriodSeconds
}}
{{- $set := dict }}
{{- range $name, $value := $fields }}
{{- if $value }}{{ $_ := set $set $name $value }}{{ end }}
{{- end }}
{{- toYaml (merge $set .Values.podSpecExtra) }}
{{- end }}
