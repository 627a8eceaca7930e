{{/* Pieces of pods that use the command line: schedules and `helm test`. */}}

{{- define "tailor.clientEnv" -}}
- {name: TAILOR_COORDINATORS, value: {{ include "tailor.clientUrl" . | quote }}}
{{- include "tailor.operatorEnv" (list . "/etc/tailor/tls") }}
{{- if .Values.auth.operatorTokenSecret }}
- {name: TAILOR_TOKEN_FILE, value: /etc/tailor/token/token}
{{- end }}
{{- end -}}

{{- define "tailor.clientMounts" -}}
- {name: tmp, mountPath: /tmp}
{{- include "tailor.tlsMount" . }}
{{- if .Values.auth.operatorTokenSecret }}
- {name: token, mountPath: /etc/tailor/token, readOnly: true}
{{- end }}
{{- end -}}

{{- define "tailor.clientVolumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- include "tailor.tlsVolume" (list . "operator") }}
{{- with .Values.auth.operatorTokenSecret }}
- name: token
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- end -}}

{{/* Placement of such a pod; takes values with nodeSelector and tolerations. */}}
{{- define "tailor.clientPlacement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Prefix below which `helm test` reads and writes. */}}
{{- define "tailor.testRoot" -}}
{{- $last := last .Values.roots | default "" | trimSuffix "/" -}}
{{ default (printf "%s/helm-test" $last) .Values.test.root | trimSuffix "/" }}
{{- end -}}

{{/* A step of `helm test`; takes (root, name, arguments). */}}
{{- define "tailor.testContainer" -}}
{{- $root := index . 0 -}}
- name: {{ index . 1 }}
  image: {{ include "tailor.image" (list $root $root.Values.image false) | quote }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  args:
    {{- toYaml (index . 2) | nindent 4 }}
  env:
    - {name: POD_UID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
    {{- include "tailor.clientEnv" $root | nindent 4 }}
    {{- include "tailor.storeEnv" $root | indent 4 }}
  resources:
    {{- toYaml $root.Values.test.resources | nindent 4 }}
  securityContext:
    {{- toYaml $root.Values.securityContext | nindent 4 }}
  volumeMounts:
    {{- include "tailor.clientMounts" $root | nindent 4 }}
{{- end -}}
