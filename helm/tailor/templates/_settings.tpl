{{/* Settings files. Values under `settings` go in by their own names; the chart adds what follows from other values. */}}

{{/* TOML of a map; takes (prefix, map). An empty value is left out, so the program's default holds. */}}
{{- define "tailor.toml" -}}
{{- $prefix := index . 0 -}}
{{- range $key, $value := index . 1 -}}
{{- if kindIs "map" $value -}}
{{- include "tailor.toml" (list (printf "%s%s." $prefix $key) $value) -}}
{{- else if not (or (kindIs "invalid" $value) (eq (toString $value) "")) -}}
{{- $text := kindIs "float64" $value | ternary (int64 $value | toString) (toString $value) -}}
{{ printf "%s%s = %s\n" $prefix $key (toJson $text) }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Settings of both servers that follow from other values, as YAML; takes (root, "coordinator" or "worker"). */}}
{{- define "tailor.commonSettings" -}}
{{- $root := index . 0 -}}
{{- $who := index . 1 -}}
{{- $auth := get $root.Values.etcd.auth $who -}}
{{- $secret := get $root.Values.etcd.tls (printf "%sSecret" $who) -}}
roots:
  allowed: {{ join "," $root.Values.roots | quote }}
etcd:
  endpoints: {{ include "tailor.etcdEndpoints" $root | quote }}
  namespace: {{ $root.Values.etcd.namespace | quote }}
  {{- if $auth.user }}
  user: {{ $auth.user | quote }}
  password-file: /etc/tailor/etcd-auth/password
  {{- end }}
  {{- if $secret }}
  ca-file: /etc/tailor/etcd-tls/ca.crt
  {{- if $root.Values.etcd.tls.clientCertificate }}
  cert-file: /etc/tailor/etcd-tls/tls.crt
  key-file: /etc/tailor/etcd-tls/tls.key
  {{- end }}
  {{- end }}
{{- if $root.Values.tls.enabled }}
tls:
  ca: /etc/tailor/tls/ca.crt
  cert: /etc/tailor/tls/tls.crt
  key: /etc/tailor/tls/tls.key
{{- else }}
insecure: true
{{- end }}
{{- end -}}

{{- define "tailor.coordinatorSettings" -}}
{{- $settings := deepCopy .Values.settings -}}
{{- include "tailor.lay" (list $settings .Values.coordinator.settings) -}}
{{- include "tailor.lay" (list $settings (include "tailor.commonSettings" (list . "coordinator") | fromYaml)) -}}
{{- $any := include "tailor.anyAddress" . -}}
{{- $own := dict "grpc" (dict "listen" (printf "%s:7070" $any)) "http" (dict "listen" (printf "%s:7080" $any)) -}}
{{- $auth := dict "cluster" (include "tailor.cluster" .) -}}
{{- if .Values.auth.tokensSecret -}}
{{- $_ := set $auth "tokens" "/etc/tailor/tokens/tokens" -}}
{{- end -}}
{{- $_ := set $own "auth" $auth -}}
{{- $_ := set $own "autoscaling" (dict "pools" (include "tailor.scaledPools" .)) -}}
{{- include "tailor.lay" (list $settings $own) -}}
{{- include "tailor.toml" (list "" $settings) -}}
{{- end -}}

{{/* Takes (root, pool). */}}
{{- define "tailor.workerSettings" -}}
{{- $root := index . 0 -}}
{{- $pool := index . 1 -}}
{{- $settings := deepCopy $root.Values.settings -}}
{{- include "tailor.lay" (list $settings $pool.settings) -}}
{{- include "tailor.lay" (list $settings (include "tailor.commonSettings" (list $root "worker") | fromYaml)) -}}
{{- $own := dict "coordinators" (printf "%s://%s-coordinators:7070" (include "tailor.scheme" $root) (include "tailor.fullname" $root)) -}}
{{- $_ := set $own "http" (dict "listen" (printf "%s:7081" (include "tailor.anyAddress" $root))) -}}
{{- $_ := set $own "scratch" (dict "dir" "/scratch/tailor") -}}
{{- $_ := set $own "slots" (include "tailor.slots" $pool) -}}
{{- $_ := set $own "memory" (include "tailor.memory" $pool) -}}
{{- if $root.Values.auth.workerTokenSecret -}}
{{- $_ := set $own "auth" (dict "token-file" "/etc/tailor/token/token") -}}
{{- end -}}
{{- include "tailor.lay" (list $settings $own) -}}
{{- include "tailor.toml" (list "" $settings) -}}
{{- end -}}
