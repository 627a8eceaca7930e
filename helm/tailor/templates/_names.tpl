{{/* Names and labels. Selector labels never change: a Deployment's selector is immutable. */}}

{{- define "tailor.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 30 letters, so that every suffix fits: "-coordinators", "-worker-POOL", "-schedule-NAME". */}}
{{- define "tailor.fullname" -}}
{{- $name := include "tailor.name" . -}}
{{- $release := .Release.Name -}}
{{- $full := contains $name $release | ternary $release (printf "%s-%s" $release $name) -}}
{{- default $full .Values.fullnameOverride | trunc 30 | trimSuffix "-" -}}
{{- end -}}

{{- define "tailor.serviceAccountName" -}}
{{- $made := .Values.serviceAccount.create | ternary (include "tailor.fullname" .) "default" -}}
{{- default $made .Values.serviceAccount.name -}}
{{- end -}}

{{/* Takes (root, component[, pool]). */}}
{{- define "tailor.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "tailor.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- if gt (len .) 2 }}
tailor/pool: {{ index . 2 | quote }}
{{- end }}
{{- end -}}

{{/* Labels of an object; takes the same as the selector. */}}
{{- define "tailor.labels" -}}
{{- $root := index . 0 -}}
{{- include "tailor.selector" . }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Image of a pod; takes (root, image, needs a shell). */}}
{{- define "tailor.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $needsShell := or (index . 2) $image.debug -}}
{{- $suffix := $needsShell | ternary $image.debugSuffix "" -}}
{{- with $needsShell | ternary $image.debugDigest $image.digest -}}
{{ $image.repository }}@{{ . }}
{{- else -}}
{{ $image.repository }}:{{ default $root.Chart.AppVersion $image.tag }}{{ $suffix }}
{{- end -}}
{{- end -}}

{{- define "tailor.scheme" -}}
{{ .Values.tls.enabled | ternary "https" "http" }}
{{- end -}}

{{/* URL of the service for clients. */}}
{{- define "tailor.clientUrl" -}}
{{ include "tailor.scheme" . }}://{{ include "tailor.fullname" . }}-coordinator:7070
{{- end -}}

{{- define "tailor.etcdEndpoints" -}}
{{- if .Values.etcd.trial.enabled -}}
http://{{ include "tailor.fullname" . }}-etcd:2379
{{- else -}}
{{ join "," .Values.etcd.endpoints }}
{{- end -}}
{{- end -}}

{{- define "tailor.anyAddress" -}}
{{ eq .Values.ipFamily "IPv6" | ternary "[::]" "0.0.0.0" }}
{{- end -}}
