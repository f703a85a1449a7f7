{{- define "gateway.name" -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "gateway.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "gateway.labels" -}}
{{ include "gateway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "gateway.image" -}}
{{- with .Values.image }}{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}{{ end }}
{{- end }}

{{- /* The settings with those that follow from other values. What is set by hand wins. Numbers stay whole: Helm reads them as floats. */ -}}
{{- define "gateway.settings" -}}
{{- $settings := dict "SESSION_KEYS_FILE" "/run/secrets/qlik-gateway/session-keys" }}
{{- if .Values.secret.clientSecretKey }}{{ $_ := set $settings "QLIK_CLIENT_SECRET_FILE" "/run/secrets/qlik-gateway/client-secret" }}{{ end }}
{{- with .Values.redis.url }}{{ $_ := set $settings "REDIS_URL" . }}{{ end }}
{{- if eq .Values.ingress.controller "alb" }}{{ $_ := set $settings "KEEP_ALIVE_SECONDS" 3660 }}{{ end }}
{{- if .Values.metrics.enabled }}
{{- $_ := set $settings "ADMIN_HOST" "0.0.0.0" }}
{{- $_ := set $settings "ADMIN_PORT" .Values.metrics.port }}
{{- end }}
{{- range $name, $value := merge (deepCopy .Values.settings) $settings }}
{{ $name }}: {{ if kindIs "float64" $value }}{{ if eq $value (floor $value) }}{{ $value | int64 | quote }}{{ else }}{{ $value | quote }}{{ end }}{{ else }}{{ $value | quote }}{{ end }}
{{- end }}
{{- end }}

{{- /* The port of an address, by its scheme where it names none. */ -}}
{{- define "gateway.portOf" -}}
{{- $url := urlParse . }}
{{- $named := regexFind ":[0-9]+$" $url.host | trimPrefix ":" }}
{{- $named | default (ternary "443" "80" (eq $url.scheme "https")) }}
{{- end }}

{{- define "gateway.ingressAnnotations" -}}
{{- if eq .Values.ingress.controller "nginx" }}
nginx.ingress.kubernetes.io/proxy-body-size: "0"
nginx.ingress.kubernetes.io/proxy-read-timeout: "3600"
nginx.ingress.kubernetes.io/proxy-send-timeout: "3600"
nginx.ingress.kubernetes.io/proxy-buffering: "off"
nginx.ingress.kubernetes.io/proxy-request-buffering: "off"
nginx.ingress.kubernetes.io/proxy-buffer-size: 32k
nginx.ingress.kubernetes.io/proxy-buffers-number: "4"
{{- else if eq .Values.ingress.controller "alb" }}
{{- /* One time-out for idle sockets and for idle connections to the gateway: KEEP_ALIVE_SECONDS above is longer. */}}
alb.ingress.kubernetes.io/target-type: ip
alb.ingress.kubernetes.io/healthcheck-path: /readyz
alb.ingress.kubernetes.io/healthcheck-interval-seconds: "5"
alb.ingress.kubernetes.io/healthcheck-timeout-seconds: "2"
alb.ingress.kubernetes.io/load-balancer-attributes: idle_timeout.timeout_seconds=3600
alb.ingress.kubernetes.io/target-group-attributes: deregistration_delay.timeout_seconds=30
{{- end }}
{{- end }}
