{{/* Quantities of Kubernetes and durations of the settings, as whole numbers; and maps laid over maps. */}}

{{/* Seconds of a duration such as 100s, 10m, 1h30m is not written. */}}
{{- define "tailor.seconds" -}}
{{- $text := toString . -}}
{{- $number := regexFind "^[0-9]+" $text | int64 -}}
{{- $unit := regexFind "[a-z]+$" $text -}}
{{- if eq $unit "ms" }}{{ div (add $number 999) 1000 }}
{{- else if eq $unit "s" }}{{ $number }}
{{- else if eq $unit "m" }}{{ mul $number 60 }}
{{- else if eq $unit "h" }}{{ mul $number 3600 }}
{{- else if eq $unit "d" }}{{ mul $number 86400 }}
{{- else }}{{ fail (printf "%q is not a duration: give a number and ms, s, m, h or d" $text) }}
{{- end }}
{{- end -}}

{{/* Mebibytes of a quantity, rounded down. */}}
{{- define "tailor.mebibytes" -}}
{{- $text := toString . -}}
{{- $number := regexFind "^[0-9.]+" $text | float64 -}}
{{- $unit := regexFind "[A-Za-z]*$" $text -}}
{{- $bytes := dict "" 1.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 -}}
{{- if not (hasKey $bytes $unit) }}{{ fail (printf "%q is not a quantity of bytes, such as 2Gi" $text) }}{{ end -}}
{{- divf (mulf $number (get $bytes $unit)) 1048576.0 | floor | int64 -}}
{{- end -}}

{{/* Whole cores of a CPU quantity, at least 1. */}}
{{- define "tailor.cores" -}}
{{- $text := toString . -}}
{{- $cores := hasSuffix "m" $text | ternary (divf (trimSuffix "m" $text | float64) 1000.0) (trimSuffix "m" $text | float64) -}}
{{- max 1 (floor $cores | int64) -}}
{{- end -}}

{{/* Lays the second map over the first, in place: maps are merged, null removes, everything else replaces, false and 0 too. */}}
{{- define "tailor.lay" -}}
{{- $base := index . 0 -}}
{{- range $key, $value := index . 1 -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := unset $base $key -}}
{{- else if and (kindIs "map" $value) (kindIs "map" (get $base $key)) -}}
{{- include "tailor.lay" (list (get $base $key) $value) -}}
{{- else -}}
{{- $_ := set $base $key $value -}}
{{- end -}}
{{- end -}}
{{- end -}}
