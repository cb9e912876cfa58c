"""Mistakes in a Pipeline, and the sentence that refuses each: from ``flume dev`` and kubectl alike.

Each entry changes one thing in ``GOOD`` (a JSON merge patch: null removes a field).
"""

# ruff: noqa: E501 - a table is compared line by line
# fmt: off

GOOD = """\
apiVersion: flume.dev/v1alpha1
kind: Pipeline
metadata: {name: email}
spec: {queue: email, modules: [app.jobs]}
"""

BAD_SPECS: tuple[tuple[str, str], ...] = (
    # names
    ("metadata: {name: E-Mail}", "metadata.name: Invalid value: \"E-Mail\": metadata.name in body should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'"),
    ("metadata: {name: e.mail}", "metadata.name: Invalid value: \"e.mail\": metadata.name in body should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'"),
    (f"metadata: {{name: {'n' * 64}}}", "metadata.name: Too long: may not be more than 63 bytes"),
    ("spec: {queue: null}", "spec.queue: Required value"),
    ("spec: {queue: Email}", "spec.queue: Invalid value: \"Email\": spec.queue in body should match '^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$'"),
    ("spec: {queue: 'e{mail}'}", "spec.queue: Invalid value: \"e{mail}\": spec.queue in body should match '^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$'"),
    ("spec: {queue: ''}", "spec.queue: Invalid value: \"\": spec.queue in body should match '^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$'"),
    (f"spec: {{queue: {'q' * 64}}}", "spec.queue: Too long: may not be more than 63 bytes"),
    ("spec: {queue: 7}", "spec.queue: Invalid value: \"integer\": spec.queue in body must be of type string: \"integer\""),
    ("spec: null", "spec: Required value"),
    ("spec: []", "spec: Invalid value: \"array\": spec in body must be of type object: \"array\""),

    # unknown fields
    ("sepc: {}", 'unknown field "sepc"'),
    ("spec: {maxDemnd: 5}", 'unknown field "spec.maxDemnd"'),
    ("spec: {max_demand: 5}", 'unknown field "spec.max_demand"'),
    ("spec: {tolerations: []}", 'unknown field "spec.tolerations"'),
    ("spec: {retry: {retries: 5}}", 'unknown field "spec.retry.retries"'),
    ("spec: {rateLimit: {count: 1, periodSeconds: 1, period: 1}}", 'unknown field "spec.rateLimit.period"'),
    ("spec: {pod: {imagePullSecrets: [{name: a, key: b}]}}", 'unknown field "spec.pod.imagePullSecrets[0].key"'),

    # what runs
    ("spec: {modules: null}", "spec: Invalid value: \"object\": set exactly one of modules (handlers in Python) and delivery (an app beside the worker)"),
    ("spec: {delivery: {http: {port: 8080}}, containers: [{name: app}]}", "spec: Invalid value: \"object\": set exactly one of modules (handlers in Python) and delivery (an app beside the worker)"),
    ("spec: {modules: []}", "spec.modules: Invalid value: 0: spec.modules in body should have at least 1 items"),
    ("spec: {modules: app.jobs}", "spec.modules: Invalid value: \"string\": spec.modules in body must be of type array: \"string\""),
    ("spec: {modules: [app.jobs, app/jobs.py]}", "spec.modules[1]: Invalid value: \"app/jobs.py\": spec.modules[1] in body should match '^[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)*$'"),
    ("spec: {modules: [app.jobs, app.jobs]}", "spec.modules[1]: Duplicate value: \"app.jobs\""),
    ("spec: {modules: [null]}", "spec.modules[0]: Invalid value: \"null\": spec.modules[0] in body must be of type string: \"null\""),
    (f"spec: {{modules: [{', '.join(f'm{i}' for i in range(65))}]}}", "spec.modules: Too many: 65: must have at most 64 items"),
    ("spec: {modules: null, delivery: {http: {port: 8080}}}", "spec.containers: Invalid value: \"object\": delivery.http needs the app beside the worker: add its container"),
    ("spec: {modules: null, delivery: {}, containers: [{name: app}]}", "spec.delivery.http: Required value"),
    ("spec: {modules: null, delivery: {http: {}}, containers: [{name: app}]}", "spec.delivery.http.port: Required value"),
    ("spec: {modules: null, delivery: {http: {port: 70000}}, containers: [{name: app}]}", "spec.delivery.http.port: Invalid value: 70000: spec.delivery.http.port in body should be less than or equal to 65535"),
    ("spec: {modules: null, delivery: {http: {port: 8080, path: jobs}}, containers: [{name: app}]}", "spec.delivery.http.path: Invalid value: \"jobs\": spec.delivery.http.path in body should match '^/[!-~]*$'"),

    # how fast
    ("spec: {paused: 'yes'}", "spec.paused: Invalid value: \"string\": spec.paused in body must be of type boolean: \"string\""),
    ("spec: {maxDemand: 0}", "spec.maxDemand: Invalid value: 0: spec.maxDemand in body should be greater than or equal to 1"),
    ("spec: {maxDemand: 10001}", "spec.maxDemand: Invalid value: 10001: spec.maxDemand in body should be less than or equal to 10000"),
    ("spec: {maxDemand: '100'}", "spec.maxDemand: Invalid value: \"string\": spec.maxDemand in body must be of type integer: \"string\""),
    ("spec: {maxDemand: 1.5}", "spec.maxDemand: Invalid value: \"number\": spec.maxDemand in body must be of type integer: \"number\""),
    ("spec: {maxDemand: true}", "spec.maxDemand: Invalid value: \"boolean\": spec.maxDemand in body must be of type integer: \"boolean\""),
    ("spec: {maxDemand: [100]}", "spec.maxDemand: Invalid value: \"array\": spec.maxDemand in body must be of type integer: \"array\""),
    ("spec: {concurrency: 0}", "spec.concurrency: Invalid value: 0: spec.concurrency in body should be greater than or equal to 1"),
    ("spec: {concurrency: 101}", "spec.concurrency: Invalid value: \"object\": concurrency must not exceed maxDemand (100 unless set): lower the first or raise the second"),
    ("spec: {concurrency: 20, maxDemand: 10}", "spec.concurrency: Invalid value: \"object\": concurrency must not exceed maxDemand (100 unless set): lower the first or raise the second"),
    ("spec: {batchSize: 0}", "spec.batchSize: Invalid value: 0: spec.batchSize in body should be greater than or equal to 1"),
    ("spec: {batchSize: 1001}", "spec.batchSize: Invalid value: 1001: spec.batchSize in body should be less than or equal to 1000"),
    ("spec: {batchTimeoutMilliseconds: 0}", "spec.batchTimeoutMilliseconds: Invalid value: 0: spec.batchTimeoutMilliseconds in body should be greater than or equal to 1"),
    ("spec: {bisect: 1}", "spec.bisect: Invalid value: \"integer\": spec.bisect in body must be of type boolean: \"integer\""),
    ("spec: {rateLimit: {count: 100}}", "spec.rateLimit.periodSeconds: Required value"),
    ("spec: {rateLimit: {periodSeconds: 1}}", "spec.rateLimit.count: Required value"),
    ("spec: {rateLimit: {count: 0, periodSeconds: 1}}", "spec.rateLimit.count: Invalid value: 0: spec.rateLimit.count in body should be greater than or equal to 1"),
    ("spec: {rateLimit: {count: 1, periodSeconds: 2592001}}", "spec.rateLimit.periodSeconds: Invalid value: 2592001: spec.rateLimit.periodSeconds in body should be less than or equal to 2592000"),
    ("spec: {rateLimit: {count: 1, periodSeconds: 1, key: 'a:b'}}", "spec.rateLimit.key: Invalid value: \"a:b\": spec.rateLimit.key in body should match '^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$'"),
    ("spec: {rateLimit: 100/s}", "spec.rateLimit: Invalid value: \"string\": spec.rateLimit in body must be of type object: \"string\""),

    # what happens to jobs that fail
    ("spec: {retry: {maxRetries: -1}}", "spec.retry.maxRetries: Invalid value: -1: spec.retry.maxRetries in body should be greater than or equal to 0"),
    ("spec: {retry: {backoffInitialSeconds: 0}}", "spec.retry.backoffInitialSeconds: Invalid value: 0: spec.retry.backoffInitialSeconds in body should be greater than or equal to 1"),
    ("spec: {retry: {backoffInitialSeconds: 601}}", "spec.retry.backoffInitialSeconds: Invalid value: \"object\": backoffInitialSeconds must not exceed backoffMaxSeconds (600 unless set): lower the first or raise the second"),
    ("spec: {retry: {backoffMaxSeconds: 604801}}", "spec.retry.backoffMaxSeconds: Invalid value: 604801: spec.retry.backoffMaxSeconds in body should be less than or equal to 604800"),
    ("spec: {maxCrashes: 0}", "spec.maxCrashes: Invalid value: 0: spec.maxCrashes in body should be greater than or equal to 1"),
    ("spec: {timeoutSeconds: 10m}", "spec.timeoutSeconds: Invalid value: \"string\": spec.timeoutSeconds in body must be of type integer: \"string\""),
    ("spec: {timeoutSeconds: 0}", "spec.timeoutSeconds: Invalid value: 0: spec.timeoutSeconds in body should be greater than or equal to 1"),
    ("spec: {leaseSeconds: 3601}", "spec.leaseSeconds: Invalid value: 3601: spec.leaseSeconds in body should be less than or equal to 3600"),
    ("spec: {deadLetter: {maxJobs: 0}}", "spec.deadLetter.maxJobs: Invalid value: 0: spec.deadLetter.maxJobs in body should be greater than or equal to 1"),
    ("spec: {deadLetter: {maxAgeSeconds: 0}}", "spec.deadLetter.maxAgeSeconds: Invalid value: 0: spec.deadLetter.maxAgeSeconds in body should be greater than or equal to 1"),

    # the worker's container
    ("spec: {replicas: -1}", "spec.replicas: Invalid value: -1: spec.replicas in body should be greater than or equal to 0"),
    ("spec: {replicas: 1001}", "spec.replicas: Invalid value: 1001: spec.replicas in body should be less than or equal to 1000"),
    ("spec: {image: 'my image'}", "spec.image: Invalid value: \"my image\": spec.image in body should match '^[!-~]+$'"),
    ("spec: {imagePullPolicy: Sometimes}", "spec.imagePullPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"IfNotPresent\", \"Never\""),
    ("spec: {imagePullPolicy: No}", "spec.imagePullPolicy: Invalid value: \"boolean\": spec.imagePullPolicy in body must be of type string: \"boolean\""),
    ("spec: {command: python -m app}", "spec.command: Invalid value: \"string\": spec.command in body must be of type array: \"string\""),
    ("spec: {args: [--workers, 4]}", "spec.args[1]: Invalid value: \"integer\": spec.args[1] in body must be of type string: \"integer\""),
    ("spec: {env: [{value: a}]}", "spec.env[0].name: Required value"),
    ("spec: {env: [{name: PORT, value: 8080}]}", "spec.env[0].value: Invalid value: \"integer\": spec.env[0].value in body must be of type string: \"integer\""),
    ("spec: {env: [{name: A, value: a}, {name: A, value: b}]}", "spec.env[1]: Duplicate value: {\"name\":\"A\"}"),
    ("spec: {env: [{name: A, value: a, valueFrom: {}}]}", "spec.env[0]: Invalid value: \"object\": set value or valueFrom, not both"),
    ("spec: {env: [{name: 1A, value: a}]}", "spec.env[0].name: Invalid value: \"1A\": spec.env[0].name in body should match '^[-._a-zA-Z][-._a-zA-Z0-9]*$'"),
    ("spec: {env: [{name: FLUME_HEALTH_PORT, value: '9000'}]}", "spec.env: Invalid value: \"object\": FLUME_DRAIN_TOKEN and FLUME_HEALTH_PORT are set by the operator, whose probes and hook need them so: leave them out"),
    ("spec: {env: [{name: A, value: a}, {name: FLUME_DRAIN_TOKEN, value: b}]}", "spec.env: Invalid value: \"object\": FLUME_DRAIN_TOKEN and FLUME_HEALTH_PORT are set by the operator, whose probes and hook need them so: leave them out"),
    ("spec: {env: A=a}", "spec.env: Invalid value: \"string\": spec.env in body must be of type array: \"string\""),
    ("spec: {envFrom: [secret]}", "spec.envFrom[0]: Invalid value: \"string\": spec.envFrom[0] in body must be of type object: \"string\""),
    ("spec: {resources: {limits: {cpu: 0.5}}}", "spec.resources.limits.cpu: Invalid value: \"number\": spec.resources.limits.cpu in body must be of type integer,string: \"number\""),
    ("spec: {resources: {requests: {memory: 1GB}}}", "spec.resources.requests.memory: Invalid value: \"1GB\": spec.resources.requests.memory in body should match '^\\+?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$'"),
    ("spec: {resources: {requests: {cpu: -1}}}", "spec.resources.requests.cpu: Invalid value: -1: spec.resources.requests.cpu in body should be greater than or equal to 0"),
    ("spec: {resources: {limits: {memory: 1125899906842625}}}", "spec.resources.limits.memory: Invalid value: 1125899906842625: spec.resources.limits.memory in body should be less than or equal to 1125899906842624"),
    ("spec: {resources: {limits: {memory: '%s'}}}" % ("1" * 33), "spec.resources.limits.memory: Too long: may not be more than 32 bytes"),
    ("spec: {volumeMounts: [{name: tmp}]}", "spec.volumeMounts[0].mountPath: Required value"),
    ("spec: {volumeMounts: [{name: a, mountPath: /a}, {name: b, mountPath: /a}]}", "spec.volumeMounts[1]: Duplicate value: {\"mountPath\":\"/a\"}"),
    ("spec: {securityContext: privileged}", "spec.securityContext: Invalid value: \"string\": spec.securityContext in body must be of type object: \"string\""),
    ("spec: {containers: [{image: app}]}", "spec.containers[0].name: Required value"),
    ("spec: {containers: [{name: worker, image: app}]}", "spec.containers: Invalid value: \"object\": the name worker is taken by the worker's own container: choose another"),

    # the pod
    ("spec: {pod: {labels: {team: 7}}}", "spec.pod.labels.team: Invalid value: \"integer\": spec.pod.labels.team in body must be of type string: \"integer\""),
    ("spec: {pod: {labels: {team: a b}}}", "spec.pod.labels.team: Invalid value: \"a b\": spec.pod.labels.team in body should match '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$'"),
    ("spec: {pod: {labels: {flume.dev/pipeline: other}}}", "spec.pod.labels: Invalid value: \"object\": labels below flume.dev/ belong to the operator: choose another prefix"),
    ("spec: {pod: {annotations: {flume.dev/settings: x}}}", "spec.pod.annotations: Invalid value: \"object\": annotations below flume.dev/ belong to the operator: choose another prefix"),
    (f"spec: {{pod: {{nodeSelector: {{{', '.join(f'l{i}: a' for i in range(65))}}}}}}}", "spec.pod.nodeSelector: Too many: 65: must have at most 64 items"),
    ("spec: {pod: {affinity: node-1}}", "spec.pod.affinity: Invalid value: \"string\": spec.pod.affinity in body must be of type object: \"string\""),
    ("spec: {pod: {tolerations: gpu}}", "spec.pod.tolerations: Invalid value: \"string\": spec.pod.tolerations in body must be of type array: \"string\""),
    ("spec: {pod: {serviceAccountName: my_account}}", "spec.pod.serviceAccountName: Invalid value: \"my_account\": spec.pod.serviceAccountName in body should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'"),
    ("spec: {pod: {terminationGracePeriodSeconds: 9}}", "spec.pod.terminationGracePeriodSeconds: Invalid value: 9: spec.pod.terminationGracePeriodSeconds in body should be greater than or equal to 10"),
    ("spec: {pod: {volumes: [{name: a}, {name: a}]}}", "spec.pod.volumes[1]: Duplicate value: {\"name\":\"a\"}"),

    # Redis, and what the operator does
    ("spec: {redis: {secretRef: {name: Flume}}}", "spec.redis.secretRef.name: Invalid value: \"Flume\": spec.redis.secretRef.name in body should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'"),
    ("spec: {redis: {secretRef: {key: a/b}}}", "spec.redis.secretRef.key: Invalid value: \"a/b\": spec.redis.secretRef.key in body should match '^[-._a-zA-Z0-9]+$'"),
    ("spec: {redis: {keyPrefix: '{team}'}}", "spec.redis.keyPrefix: Invalid value: \"{team}\": spec.redis.keyPrefix in body should match '^[A-Za-z0-9][A-Za-z0-9._:-]*$'"),
    ("spec: {updateStrategy: {maxUnavailable: 0, maxSurge: 0%}}", "spec.updateStrategy: Invalid value: \"object\": maxUnavailable and maxSurge must not both be 0: no pod could be replaced"),
    ("spec: {updateStrategy: {maxSurge: 101%}}", "spec.updateStrategy.maxSurge: Invalid value: \"101%\": spec.updateStrategy.maxSurge in body should match '^(100|[1-9]?[0-9])%$'"),
    ("spec: {updateStrategy: {maxUnavailable: 1001}}", "spec.updateStrategy.maxUnavailable: Invalid value: 1001: spec.updateStrategy.maxUnavailable in body should be less than or equal to 1000"),
    ("spec: {disruptionBudget: {maxUnavailable: -1}}", "spec.disruptionBudget.maxUnavailable: Invalid value: -1: spec.disruptionBudget.maxUnavailable in body should be greater than or equal to 0"),
    ("spec: {deletionPolicy: Keep}", "spec.deletionPolicy: Unsupported value: \"Keep\": supported values: \"Retain\", \"Drain\", \"Purge\""),
    ("spec: {drainTimeoutSeconds: 0}", "spec.drainTimeoutSeconds: Invalid value: 0: spec.drainTimeoutSeconds in body should be greater than or equal to 1"),
)
