{{- /* Values of ESO's chart that are not values of this one. */ -}}

{{- /* Refuses a release that asks for what is not built: half of what somebody relies on is worse than a clear no. */ -}}
{{- define "keyferry.refuseUnbuilt" -}}
{{- $values := .Values }}
{{- $listen := $values.metrics.listen }}
{{- $asked := dict
  "replicaCount above 1" (gt (int $values.replicaCount) 1)
  "leaderElect" $values.leaderElect
  "extendedMetricLabels" $values.extendedMetricLabels
  "processClusterExternalSecret" $values.processClusterExternalSecret
  "processClusterPushSecret" $values.processClusterPushSecret
  "processPushSecret" $values.processPushSecret
  "metrics.listen.auth.enabled" (dig "auth" "enabled" false $listen)
  "metrics.listen.secure.enabled" (dig "secure" "enabled" false $listen)
}}
{{- range $name, $on := $asked }}
{{- if $on }}{{ fail (printf "%s: not built yet; take it out of the values" $name) }}{{ end }}
{{- end }}
{{- end }}

{{- /* Names of values that were given and mean nothing here, comma-separated. */ -}}
{{- define "keyferry.meaningless" -}}
{{- $names := list "bitwarden-sdk-server" "certController" "enableHTTP2" "grafanaDashboard" "leaderElectionID"
  "leaderElectionLeaseDuration" "leaderElectionRenewDeadline" "leaderElectionRetryPeriod" "networkPolicy" "podDisruptionBudget"
  "processClusterGenerator" "strategy" "systemAuthDelegator" "vault" "webhook" }}
{{- $given := list }}
{{- range $names }}
{{- if hasKey $.Values . }}{{ $given = append $given . }}{{ end }}
{{- end }}
{{- join ", " $given }}
{{- end }}
