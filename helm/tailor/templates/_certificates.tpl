{{/* Names in certificates. The role stands in the URI; DNS names are those by which servers are asked. */}}
{{- define "tailor.certificateNames" -}}
{{- $root := index . 0 -}}
{{- $who := index . 1 -}}
{{- $full := include "tailor.fullname" $root -}}
{{- $cluster := include "tailor.cluster" $root -}}
commonName: {{ $full }}-{{ $who }}
uris: [{{ printf "tailor://%s/%s/%s" $cluster $who $who | quote }}]
{{- if eq $who "operator" }}
usages: [digital signature, client auth]
{{- else }}
usages: [digital signature, server auth, client auth]
dnsNames:
  {{- range $name := ternary (list "coordinator" "coordinators") (list "worker") (eq $who "coordinator") }}
  - {{ $full }}-{{ $name }}
  - {{ $full }}-{{ $name }}.{{ $root.Release.Namespace }}
  - {{ $full }}-{{ $name }}.{{ $root.Release.Namespace }}.svc
  {{- end }}
  - localhost
ipAddresses: [127.0.0.1, "::1"]
{{- end }}
{{- end -}}

{{/* Cluster that certificates name; empty where they are the user's and no name is given, so that any cluster is accepted. */}}
{{- define "tailor.cluster" -}}
{{- $ours := .Values.tls.certManager.enabled | ternary (printf "%s.%s" .Release.Namespace (include "tailor.fullname" .)) "" -}}
{{- .Values.tls.enabled | ternary (default $ours .Values.tls.cluster) "" -}}
{{- end -}}

{{/* True if there is an operator's certificate: the command line inside a coordinator's pod uses it. */}}
{{- define "tailor.hasOperator" -}}
{{- if and .Values.tls.enabled (or .Values.tls.certManager.enabled .Values.tls.existingSecrets.operator) }}true{{ end -}}
{{- end -}}
