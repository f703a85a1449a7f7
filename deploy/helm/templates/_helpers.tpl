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
{{- $settings := dict }}
{{- range include "gateway.secretFiles" . | fromYamlArray }}{{ $_ := set $settings .setting (printf "/run/secrets/qlik-gateway/%s" .path) }}{{ end }}
{{- range include "gateway.files" . | fromYamlArray }}{{ $_ := set $settings .setting (printf "/run/qlik-gateway-%s/%s" .name .key) }}{{ end }}
{{- if .Values.tls.secretName }}
{{- $_ := set $settings "TLS_CERT_FILE" "/run/qlik-gateway-tls/tls.crt" }}
{{- $_ := set $settings "TLS_KEY_FILE" "/run/qlik-gateway-tls/tls.key" }}
{{- end }}
{{- if .Values.unixSocket.enabled }}
{{- if not .Values.metrics.enabled }}{{ fail "unixSocket needs metrics.enabled: a platform cannot probe a Unix socket" }}{{ end }}
{{- $_ := set $settings "UNIX_SOCKET" .Values.unixSocket.path }}
{{- end }}
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

{{- /* Files of the gateway's Secret: the setting that names each, its key, and its name in the folder. */ -}}
{{- define "gateway.secretFiles" -}}
{{- with .Values.secret }}
- { setting: SESSION_KEYS_FILE, key: {{ .sessionKeysKey | quote }}, path: session-keys }
{{- with .clientSecretKey }}
- { setting: QLIK_CLIENT_SECRET_FILE, key: {{ . | quote }}, path: client-secret }
{{- end }}
{{- with .clientKeyKey }}
- { setting: QLIK_CLIENT_KEY_FILE, key: {{ . | quote }}, path: client-key }
{{- end }}
{{- with .adminClientSecretKey }}
- { setting: QLIK_ADMIN_CLIENT_SECRET_FILE, key: {{ . | quote }}, path: admin-client-secret }
{{- end }}
{{- with .adminClientKeyKey }}
- { setting: QLIK_ADMIN_CLIENT_KEY_FILE, key: {{ . | quote }}, path: admin-client-key }
{{- end }}
{{- end }}
{{- end }}

{{- /* Other files that exist: the setting that names each, its volume, and its key there. */ -}}
{{- define "gateway.files" -}}
{{- $named := list (list "CONFIG_FILE" "config" .Values.configFile) (list "IDENTITY_KEYS_FILE" "identity-keys" .Values.identityKeys) (list "NODE_EXTRA_CA_CERTS" "authorities" .Values.authorities) }}
{{- range $named }}
{{- $file := index . 2 }}
{{- if or $file.secretName $file.configMapName }}
- { setting: {{ index . 0 }}, name: {{ index . 1 }}, key: {{ $file.key | quote }}, secretName: {{ $file.secretName | quote }}, configMapName: {{ $file.configMapName | quote }} }
{{- end }}
{{- end }}
{{- end }}

{{- /* Where the gateway is probed, and how. */ -}}
{{- define "gateway.probePort" -}}
{{ if .Values.unixSocket.enabled }}metrics{{ else }}http{{ end }}{{ if and .Values.tls.secretName (not .Values.unixSocket.enabled) }}, scheme: HTTPS{{ end }}
{{- end }}

{{- /* The hosts and paths that browsers come to. */ -}}
{{- define "gateway.hosts" -}}
{{- if .Values.ingress.hosts }}
{{- toYaml .Values.ingress.hosts }}
{{- else }}
{{- $url := urlParse (required "ingress.hosts must list the hosts of the tenants, since settings.PUBLIC_URL names none" .Values.settings.PUBLIC_URL) }}
- { host: {{ $url.hostname | quote }}, path: {{ $url.path | default "/" | quote }} }
{{- end }}
{{- end }}

{{- /* The port of an address, by its scheme where it names none. */ -}}
{{- define "gateway.portOf" -}}
{{- $url := urlParse . }}
{{- $named := regexFind ":[0-9]+$" $url.host | trimPrefix ":" }}
{{- $named | default (ternary "443" "80" (eq $url.scheme "https")) }}
{{- end }}

{{- define "gateway.ingressAnnotations" -}}
{{- $https := and .Values.tls.secretName (not .Values.unixSocket.enabled) }}
{{- if eq .Values.ingress.controller "nginx" }}
nginx.ingress.kubernetes.io/proxy-body-size: "0"
nginx.ingress.kubernetes.io/proxy-read-timeout: "3600"
nginx.ingress.kubernetes.io/proxy-send-timeout: "3600"
nginx.ingress.kubernetes.io/proxy-buffering: "off"
nginx.ingress.kubernetes.io/proxy-request-buffering: "off"
nginx.ingress.kubernetes.io/proxy-buffer-size: 32k
nginx.ingress.kubernetes.io/proxy-buffers-number: "4"
{{- if $https }}
nginx.ingress.kubernetes.io/backend-protocol: HTTPS
{{- end }}
{{- else if eq .Values.ingress.controller "alb" }}
{{- /* One time-out for idle sockets and for idle connections to the gateway: KEEP_ALIVE_SECONDS above is longer. */}}
alb.ingress.kubernetes.io/target-type: ip
alb.ingress.kubernetes.io/healthcheck-path: /readyz
alb.ingress.kubernetes.io/healthcheck-interval-seconds: "5"
alb.ingress.kubernetes.io/healthcheck-timeout-seconds: "2"
alb.ingress.kubernetes.io/load-balancer-attributes: idle_timeout.timeout_seconds=3600
alb.ingress.kubernetes.io/target-group-attributes: deregistration_delay.timeout_seconds=30
{{- if $https }}
alb.ingress.kubernetes.io/backend-protocol: HTTPS
{{- end }}
{{- end }}
{{- end }}
