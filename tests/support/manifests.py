"""Manifests that several tests read, and how one differs from another."""

from __future__ import annotations

from typing import Any

import yaml

FULL = """
apiVersion: flume.dev/v1alpha1
kind: Pipeline
metadata: {name: email, namespace: shop, labels: {team: mail}}
spec:
  queue: email
  modules: [app.jobs, app.more]
  paused: true
  maxDemand: 1000
  concurrency: 50
  batchSize: 10
  batchTimeoutMilliseconds: 500
  bisect: false
  rateLimit: {count: 1000, periodSeconds: 6, key: vendor}
  retry: {maxRetries: 15, backoffInitialSeconds: 30, backoffMaxSeconds: 3600}
  maxCrashes: 3
  timeoutSeconds: 60
  leaseSeconds: 10
  deadLetter: {maxJobs: 5, maxAgeSeconds: 86400}
  replicas: 3
  image: example/app-worker:1.4
  imagePullPolicy: Always
  command: [flume]
  args: [worker]
  env:
  - {name: TOKEN, value: hunter2}
  - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
  envFrom: [{secretRef: {name: app}}]
  resources: {requests: {cpu: 500m, memory: 256Mi}, limits: {cpu: 2}}
  volumeMounts: [{name: data, mountPath: /data, readOnly: true}]
  securityContext: {readOnlyRootFilesystem: true}
  containers: [{name: proxy, image: proxy:1, ports: [{containerPort: 5432}]}]
  pod:
    labels: {tier: back}
    annotations: {note: anything at all}
    imagePullSecrets: [{name: registry}]
    volumes: [{name: data, emptyDir: {}}]
    nodeSelector: {disk: ssd}
    affinity: {nodeAffinity: {}}
    tolerations: [{key: gpu, operator: Exists}]
    topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]
    serviceAccountName: mailer
    priorityClassName: high
    runtimeClassName: gvisor
    securityContext: {runAsUser: 1000}
    terminationGracePeriodSeconds: 90
  redis: {secretRef: {name: redis, key: address}, keyPrefix: "flume:shop"}
  updateStrategy: {maxUnavailable: 1, maxSurge: 50%}
  disruptionBudget: {maxUnavailable: 1}
  deletionPolicy: Purge
  drainTimeoutSeconds: 60
"""


def changed(manifest: str, change: str) -> str:
    """Return a manifest with a JSON merge patch, both as YAML: null removes a field."""
    return yaml.safe_dump(_merged(yaml.safe_load(manifest), yaml.safe_load(change)))


def _merged(value: Any, change: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(change, dict):
        return change
    merged = {key: _merged(value.get(key), patch) for key, patch in change.items()}
    return {key: item for key, item in (value | merged).items() if item is not None}
