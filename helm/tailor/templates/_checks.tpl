{{/* Refusals that a schema cannot say. All of them are told at once. */}}

{{/* Keys that this chart does not have, or has no more, with the key that does what they say. */}}
{{- define "tailor.moved" -}}
replicaCount: coordinator.replicas, workers.replicas
resources: coordinator.resources, workers.resources
nodeSelector: coordinator.nodeSelector, workers.nodeSelector
tolerations: coordinator.tolerations, workers.tolerations
affinity: coordinator.affinity, workers.affinity
autoscaling: workers.autoscaling
worker: workers (defaults of every pool) and pools
env: coordinator.extraEnv, workers.extraEnv
extraEnv: coordinator.extraEnv, workers.extraEnv
config: settings, coordinator.settings, workers.settings
imagePullSecrets: image.pullSecrets
serviceMonitor: monitoring.podMonitor
podMonitor: monitoring.podMonitor
prometheusRule: monitoring.rules
cronjob: schedules
{{- end -}}

{{- define "tailor.checks" -}}
{{- $found := dict "list" (list) -}}
{{- range $old, $new := include "tailor.moved" . | fromYaml -}}
{{- if hasKey $.Values $old -}}
{{- include "tailor.refuse" (list $found (printf "%s is not a key of this chart: use %s" $old $new)) -}}
{{- end -}}
{{- end -}}
{{- include "tailor.checkCluster" (list . $found) -}}
{{- include "tailor.checkTls" (list . $found) -}}
{{- include "tailor.checkPools" (list . $found) -}}
{{- include "tailor.checkShares" (list . $found) -}}
{{- include "tailor.checkSchedules" (list . $found) -}}
{{- with $found.list -}}
{{- fail (printf "\n\nThese values do not work:\n  - %s\n" (join "\n  - " .)) -}}
{{- end -}}
{{- end -}}

{{- define "tailor.refuse" -}}
{{- $_ := set (index . 0) "list" (append (index . 0).list (index . 1)) -}}
{{- end -}}

{{- define "tailor.checkCluster" -}}
{{- $values := (index . 0).Values -}}
{{- $found := index . 1 -}}
{{- $full := include "tailor.fullname" (index . 0) -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $full) -}}
{{- include "tailor.refuse" (list $found (printf "%s cannot begin the name of a Service, which begins with a letter and has no dots: set fullnameOverride" $full)) -}}
{{- end -}}
{{- if not $values.roots -}}
{{- include "tailor.refuse" (list $found "roots is empty, so no job could read or write anything: list URI prefixes, such as s3://metrics/") -}}
{{- end -}}
{{- if and $values.roots $values.test.enabled -}}
{{- $test := include "tailor.testRoot" (index . 0) -}}
{{- $inside := dict -}}
{{- range $values.roots -}}
{{- if hasPrefix (printf "%s/" (trimSuffix "/" .)) (printf "%s/" $test) -}}
{{- $_ := set $inside "yes" true -}}
{{- end -}}
{{- end -}}
{{- if not $inside -}}
{{- include "tailor.refuse" (list $found (printf "test.root %s lies below none of roots, so the job of helm test would be refused" $test)) -}}
{{- end -}}
{{- end -}}
{{- if and (not $values.etcd.endpoints) (not $values.etcd.trial.enabled) -}}
{{- include "tailor.refuse" (list $found "etcd.endpoints is empty: list the members of your etcd, or set etcd.trial.enabled=true to try things") -}}
{{- end -}}
{{- if and $values.etcd.endpoints $values.etcd.trial.enabled -}}
{{- include "tailor.refuse" (list $found "etcd.endpoints and etcd.trial.enabled exclude each other: the state lies in one etcd") -}}
{{- end -}}
{{- range $who, $auth := $values.etcd.auth -}}
{{- if ne (empty $auth.user) (empty $auth.existingSecret) -}}
{{- include "tailor.refuse" (list $found (printf "etcd.auth.%s needs both user and existingSecret, or neither" $who)) -}}
{{- end -}}
{{- end -}}
{{- if lt (int64 $values.coordinator.terminationGracePeriodSeconds) 35 -}}
{{- include "tailor.refuse" (list $found "coordinator.terminationGracePeriodSeconds is less than 35: a coordinator that hangs ends itself after 30 s") -}}
{{- end -}}
{{- end -}}

{{- define "tailor.checkTls" -}}
{{- $values := (index . 0).Values -}}
{{- $found := index . 1 -}}
{{- if and $values.tls.enabled (not $values.tls.certManager.enabled) -}}
{{- $needed := list "coordinator" "worker" -}}
{{- if or $values.test.enabled $values.schedules -}}
{{- $needed = append $needed "operator" -}}
{{- end -}}
{{- range $needed -}}
{{- if not (get $values.tls.existingSecrets .) -}}
{{- include "tailor.refuse" (list $found (printf "tls.existingSecrets.%s is empty: name a secret with tls.crt, tls.key and ca.crt, or set tls.certManager.enabled=true" .)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tailor.checkPools" -}}
{{- $root := index . 0 -}}
{{- $found := index . 1 -}}
{{- $names := dict -}}
{{- range $root.Values.pools -}}
{{- $pool := include "tailor.pool" (list $root .) | fromYaml -}}
{{- $at := printf "pool %s: " $pool.name -}}
{{- if hasKey $names $pool.name -}}
{{- include "tailor.refuse" (list $found (printf "%sthere are two pools of this name" $at)) -}}
{{- end -}}
{{- $_ := set $names $pool.name true -}}
{{- $drain := include "tailor.seconds" $pool.settings.drain.timeout | int64 -}}
{{- if gt $drain 102 -}}
{{- include "tailor.refuse" (list $found (printf "%ssettings.drain.timeout is %s, at most 102s is possible" $at $pool.settings.drain.timeout)) -}}
{{- end -}}
{{- if lt (include "tailor.grace" $pool | int64) (add $drain 10) -}}
{{- include "tailor.refuse" (list $found (printf "%sterminationGracePeriodSeconds is %d, but drain.timeout and 10 s are %d: leave it empty, or shorten settings.drain.timeout" $at (int64 $pool.terminationGracePeriodSeconds) (add $drain 10))) -}}
{{- end -}}
{{- include "tailor.checkMemory" (list $pool $at $found) -}}
{{- include "tailor.checkAutoscaling" (list $pool $at $found) -}}
{{- end -}}
{{- end -}}

{{- define "tailor.checkMemory" -}}
{{- $pool := index . 0 -}}
{{- $at := index . 1 -}}
{{- $found := index . 2 -}}
{{- $memory := include "tailor.memory" $pool | replace "iB" "i" | replace "B" "" -}}
{{- $mebibytes := include "tailor.mebibytes" $memory | int64 -}}
{{- $slots := include "tailor.slots" $pool | int64 -}}
{{- $limit := dig "limits" "memory" "" $pool.resources -}}
{{- if and $limit (ge $mebibytes (include "tailor.mebibytes" $limit | int64)) -}}
{{- include "tailor.refuse" (list $found (printf "%ssettings.memory %s is not below the memory limit %s, so the pod would be killed" $at $pool.settings.memory (toString $limit))) -}}
{{- end -}}
{{- if lt $mebibytes (mul 32 $slots) -}}
{{- include "tailor.refuse" (list $found (printf "%s%d slots need %dMi of memory, and %dMi are left for them: raise resources.limits.memory, or lower settings.slots" $at $slots (mul 32 $slots) $mebibytes)) -}}
{{- end -}}
{{- end -}}

{{- define "tailor.checkAutoscaling" -}}
{{- $scaling := (index . 0).autoscaling -}}
{{- $at := index . 1 -}}
{{- $found := index . 2 -}}
{{- if and (has $scaling.mode (list "hpa" "keda")) (gt (int64 $scaling.min) (int64 $scaling.max)) -}}
{{- include "tailor.refuse" (list $found (printf "%sautoscaling.min is more than autoscaling.max" $at)) -}}
{{- end -}}
{{- if and (eq $scaling.mode "hpa") (lt (int64 $scaling.min) 1) -}}
{{- include "tailor.refuse" (list $found (printf "%sautoscaling.min is 0, which a HorizontalPodAutoscaler cannot do: use mode keda" $at)) -}}
{{- end -}}
{{- if and (eq $scaling.mode "keda") (eq $scaling.keda.trigger "prometheus") (not $scaling.keda.serverAddress) -}}
{{- include "tailor.refuse" (list $found (printf "%sautoscaling.keda.serverAddress is empty: give the URL of Prometheus, or set keda.trigger=external" $at)) -}}
{{- end -}}
{{- end -}}

{{- define "tailor.checkShares" -}}
{{- $pools := include "tailor.scaledPools" (index . 0) -}}
{{- $sum := dict "percent" 0 -}}
{{- range splitList "," $pools -}}
{{- $share := regexFind "[0-9]+%" . | trimSuffix "%" | default "0" | int64 -}}
{{- $_ := set $sum "percent" (add $sum.percent $share) -}}
{{- end -}}
{{- if and (contains "," $pools) (ne (int64 $sum.percent) 100) -}}
{{- include "tailor.refuse" (list (index . 1) (printf "autoscaling.share of the scaled pools come to %d, not to 100: %s" (int64 $sum.percent) $pools)) -}}
{{- end -}}
{{- end -}}

{{- define "tailor.checkSchedules" -}}
{{- $root := index . 0 -}}
{{- $found := index . 1 -}}
{{- $names := dict -}}
{{- range $root.Values.schedules -}}
{{- if hasKey $names .name -}}
{{- include "tailor.refuse" (list $found (printf "schedule %s: there are two schedules of this name" .name)) -}}
{{- end -}}
{{- $_ := set $names .name true -}}
{{- if and $root.Values.image.digest (not $root.Values.image.debugDigest) -}}
{{- include "tailor.refuse" (list $found (printf "schedule %s: image.digest is set and image.debugDigest is not: a schedule needs the image with a shell" .name)) -}}
{{- end -}}
{{- if lt (include "tailor.seconds" .every | int64) 60 -}}
{{- include "tailor.refuse" (list $found (printf "schedule %s: every is less than a minute" .name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
