{{/* A pool: the defaults of `workers` under the keys of its own, and what follows from its resources. */}}

{{/* The resolved pool as YAML; takes (root, pool). */}}
{{- define "tailor.pool" -}}
{{- $root := index . 0 -}}
{{- $pool := deepCopy $root.Values.workers -}}
{{- include "tailor.lay" (list $pool (index . 1)) -}}
{{- $image := deepCopy $root.Values.image -}}
{{- include "tailor.lay" (list $image (default dict $pool.image)) -}}
{{- $_ := set $pool "image" $image -}}
{{- toYaml $pool -}}
{{- end -}}

{{- define "tailor.slots" -}}
{{- $given := toString (default "" .settings.slots) -}}
{{- $cpu := dig "requests" "cpu" "1" .resources -}}
{{- $given | default (include "tailor.cores" $cpu) -}}
{{- end -}}

{{/* A budget of 128MiB was never exceeded by more than 86MiB (docs/performance.md), hence the 128 below the limit. */}}
{{- define "tailor.memory" -}}
{{- $limit := include "tailor.mebibytes" (dig "limits" "memory" "2Gi" .resources) | int64 -}}
{{- $derived := min (div (mul $limit 3) 4) (sub $limit 128) -}}
{{- default (printf "%dMiB" $derived) .settings.memory -}}
{{- end -}}

{{- define "tailor.grace" -}}
{{- $drain := include "tailor.seconds" .settings.drain.timeout | int64 -}}
{{- if kindIs "invalid" .terminationGracePeriodSeconds -}}
{{ add $drain 20 }}
{{- else -}}
{{ int64 .terminationGracePeriodSeconds }}
{{- end -}}
{{- end -}}

{{/* Resources with scratch in the ephemeral storage, where scratch is on the node's disk. */}}
{{- define "tailor.poolResources" -}}
{{- $resources := deepCopy .resources -}}
{{- $size := include "tailor.mebibytes" .scratch.overhead | int64 -}}
{{- if not .scratch.claim -}}
{{- $size = add $size (include "tailor.mebibytes" .scratch.size | int64) -}}
{{- end -}}
{{- $storage := dict "ephemeral-storage" (printf "%dMi" $size) -}}
{{- $_ := set $resources "requests" (merge (default dict $resources.requests) $storage) -}}
{{- $_ := set $resources "limits" (merge (default dict $resources.limits) $storage) -}}
{{- toYaml $resources -}}
{{- end -}}

{{- define "tailor.isScaled" -}}
{{- if ne .autoscaling.mode "none" }}true{{ end -}}
{{- end -}}

{{/* Most workers that there can be; of a pool that something else scales, more than one. */}}
{{- define "tailor.mostWorkers" -}}
{{- if eq .autoscaling.mode "none" }}{{ int64 .replicas }}
{{- else if eq .autoscaling.mode "external" }}2
{{- else }}{{ int64 .autoscaling.max }}
{{- end -}}
{{- end -}}

{{/* True if a pool is scaled by KEDA's gRPC under TLS without a TriggerAuthentication of the user's own. */}}
{{- define "tailor.needsScaler" -}}
{{- range .Values.pools -}}
{{- $scaling := (include "tailor.pool" (list $ .) | fromYaml).autoscaling -}}
{{- if and (eq $scaling.mode "keda") (eq $scaling.keda.trigger "external") (not $scaling.keda.authenticationRef) $.Values.tls.enabled -}}
true
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Pools that something scales, as the coordinators count their workers: NAME=SLOTS, with a share each if there are several. */}}
{{- define "tailor.scaledPools" -}}
{{- $scaled := list -}}
{{- range .Values.pools -}}
{{- $pool := include "tailor.pool" (list $ .) | fromYaml -}}
{{- if include "tailor.isScaled" $pool -}}
{{- $scaled = append $scaled $pool -}}
{{- end -}}
{{- end -}}
{{- $count := len $scaled -}}
{{- $parts := list -}}
{{- range $at, $pool := $scaled -}}
{{- $equal := add (div 100 $count) (ternary (mod 100 $count) 0 (eq $at 0)) -}}
{{- $share := kindIs "invalid" $pool.autoscaling.share | ternary $equal (int64 $pool.autoscaling.share) -}}
{{- $slots := include "tailor.slots" $pool -}}
{{- $parts = append $parts (gt $count 1 | ternary (printf "%s=%s:%d%%" $pool.name $slots $share) (printf "%s=%s" $pool.name $slots)) -}}
{{- end -}}
{{- join "," $parts -}}
{{- end -}}
