{{/* Pieces of pods that every workload shares. */}}

{{/* Fields of every pod that uses the store, whose rights come by the service account; takes the root. */}}
{{- define "tailor.podBasics" -}}
serviceAccountName: {{ include "tailor.serviceAccountName" . }}
{{ include "tailor.podAnonymous" . }}
{{- end -}}

{{/* The same without the service account. */}}
{{- define "tailor.podAnonymous" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- end -}}

{{/* Placement of pods; takes (root, values of the workload, selector labels as YAML). */}}
{{- define "tailor.placement" -}}
{{- $values := index . 1 -}}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.extraPodSpec }}
{{ toYaml . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $selector := index . 2 }}
{{- with $values.spread.topologyKeys }}
topologySpreadConstraints:
  {{- range . }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ $values.spread.whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- $selector | nindent 8 }}
    # Only pods of the newest template count, so that an upgrade does not end lopsided.
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- end -}}

{{/* Variables of S3 for servers and clients. */}}
{{- define "tailor.storeEnv" -}}
{{- with .Values.s3.region }}
- {name: AWS_REGION, value: {{ . | quote }}}
{{- end }}
{{- with .Values.s3.endpoint }}
- {name: AWS_ENDPOINT_URL_S3, value: {{ . | quote }}}
{{- end }}
{{- with .Values.s3.existingSecret }}
- name: AWS_ACCESS_KEY_ID
  valueFrom: {secretKeyRef: {name: {{ . }}, key: AWS_ACCESS_KEY_ID}}
- name: AWS_SECRET_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ . }}, key: AWS_SECRET_ACCESS_KEY}}
{{- end }}
{{- end -}}

{{/* Variables by which the command line shows an operator's certificate; takes (root, folder). */}}
{{- define "tailor.operatorEnv" -}}
{{- if (index . 0).Values.tls.enabled }}
- {name: TAILOR_TLS_CA, value: {{ index . 1 }}/ca.crt}
- {name: TAILOR_TLS_CERT, value: {{ index . 1 }}/tls.crt}
- {name: TAILOR_TLS_KEY, value: {{ index . 1 }}/tls.key}
{{- end }}
{{- end -}}

{{/* Secret with the certificate of coordinators, workers or operators; takes (root, who). */}}
{{- define "tailor.tlsSecret" -}}
{{- $root := index . 0 -}}
{{- $who := index . 1 -}}
{{- if $root.Values.tls.certManager.enabled -}}
{{ include "tailor.fullname" $root }}-{{ $who }}-tls
{{- else -}}
{{ get $root.Values.tls.existingSecrets $who }}
{{- end -}}
{{- end -}}

{{- define "tailor.tlsVolume" -}}
{{- if (index . 0).Values.tls.enabled }}
- name: tls
  secret:
    secretName: {{ include "tailor.tlsSecret" . }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{- define "tailor.tlsMount" -}}
{{- if .Values.tls.enabled }}
- {name: tls, mountPath: /etc/tailor/tls, readOnly: true}
{{- end }}
{{- end -}}

{{/* Volumes of a server; takes (root, "coordinator" or "worker", ConfigMap). */}}
{{- define "tailor.serverVolumes" -}}
{{- $root := index . 0 -}}
{{- $who := index . 1 -}}
- name: settings
  configMap: {name: {{ index . 2 }}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- include "tailor.tlsVolume" (list $root $who) }}
{{- with get $root.Values.etcd.tls (printf "%sSecret" $who) }}
- name: etcd-tls
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- if (get $root.Values.etcd.auth $who).user }}
- name: etcd-auth
  secret: {secretName: {{ (get $root.Values.etcd.auth $who).existingSecret }}, defaultMode: 0440}
{{- end }}
{{- end -}}

{{- define "tailor.serverMounts" -}}
{{- $root := index . 0 -}}
{{- $who := index . 1 -}}
- {name: settings, mountPath: /etc/tailor/settings, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- include "tailor.tlsMount" $root }}
{{- if get $root.Values.etcd.tls (printf "%sSecret" $who) }}
- {name: etcd-tls, mountPath: /etc/tailor/etcd-tls, readOnly: true}
{{- end }}
{{- if (get $root.Values.etcd.auth $who).user }}
- {name: etcd-auth, mountPath: /etc/tailor/etcd-auth, readOnly: true}
{{- end }}
{{- end -}}

{{/* Probes of a server. */}}
{{- define "tailor.probes" -}}
{{- $scheme := include "tailor.scheme" . | upper -}}
{{- range $name, $path := dict "startup" "/livez" "liveness" "/livez" "readiness" "/readyz" }}
{{ $name }}Probe:
  httpGet: {path: {{ $path }}, port: http, scheme: {{ $scheme }}}
  {{- toYaml (get $.Values.probes $name) | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Annotations of a pod; takes (root, values of the workload, settings file). */}}
{{- define "tailor.podAnnotations" -}}
{{- $root := index . 0 -}}
{{- $given := dict -}}
{{- if $root.Values.rollOnChange -}}
{{- $_ := set $given "tailor/settings-digest" (index . 2 | sha256sum) -}}
{{- end -}}
{{- with $root.Values.secretsRevision -}}
{{- $_ := set $given "tailor/secrets-revision" . -}}
{{- end -}}
{{- $_ := set $given "kubectl.kubernetes.io/default-container" "tailor" -}}
{{- toYaml (merge $given (index . 1).podAnnotations) -}}
{{- end -}}
