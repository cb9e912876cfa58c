"""The fields of a Pipeline's spec that users were promised, written down a second time."""

PROMISED = """
queue modules delivery paused maxDemand concurrency batchSize batchTimeoutMilliseconds bisect
rateLimit.count rateLimit.periodSeconds rateLimit.key
retry.maxRetries retry.backoffInitialSeconds retry.backoffMaxSeconds maxCrashes
timeoutSeconds leaseSeconds deadLetter.maxJobs deadLetter.maxAgeSeconds replicas
image imagePullPolicy command args env envFrom resources volumeMounts securityContext containers
pod.labels pod.annotations pod.imagePullSecrets pod.volumes pod.nodeSelector pod.affinity
pod.tolerations pod.topologySpreadConstraints pod.serviceAccountName pod.priorityClassName
pod.runtimeClassName pod.securityContext pod.terminationGracePeriodSeconds
redis.secretRef.name redis.secretRef.key redis.keyPrefix
updateStrategy disruptionBudget deletionPolicy drainTimeoutSeconds
""".split()
