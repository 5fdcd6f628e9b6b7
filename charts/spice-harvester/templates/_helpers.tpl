{{- define "spice.name" -}}
{{- default "spice" .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of everything: the release's, with `spice` in it. */}}
{{- define "spice.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "spice.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "spice.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects all pods of the release. */}}
{{- define "spice.selector" -}}
app.kubernetes.io/name: {{ include "spice.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "spice.labels" -}}
{{ include "spice.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "spice.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The Secret with the principals and the tokens. */}}
{{- define "spice.access" -}}
{{- default (printf "%s-access" (include "spice.fullname" .)) .Values.access.existingSecret -}}
{{- end -}}

{{- define "spice.url" -}}
http{{ if .Values.tls.secretName }}s{{ end }}://{{ include "spice.fullname" . }}.{{ .Release.Namespace }}.svc:8002
{{- end -}}

{{/* The authority that the clients of the api trust, as an argument and as a mount. */}}
{{- define "spice.trusts" -}}
{{- with .Values.tls -}}{{- if and .secretName .caKey -}}yes{{- end -}}{{- end -}}
{{- end -}}

{{- define "spice.authority" -}}
name: authority
secret:
  secretName: {{ .Values.tls.secretName }}
  items: [{key: {{ .Values.tls.caKey }}, path: ca.crt}]
{{- end -}}

{{/* The security of every pod and of its container. */}}
{{- define "spice.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "spice.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Where the pods of a part run: its values. */}}
{{- define "spice.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
