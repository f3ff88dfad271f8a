/// The fields of the types that manifests are mostly made of, from Kubernetes' OpenAPI document, 1.36.
///
/// One type a paragraph, its fields with their types: `s` text, `i` number of 32 bits, `l` of 64, `b` truth, `*`
/// anything, `[` a list of, `{` an object of; else a type of this table. The status is not there: nobody applies it.
enum SchemaTable {
    static let text = """
        Namespace: apiVersion=s kind=s metadata=ObjectMeta spec=*
        ConfigMap: apiVersion=s binaryData={s data={s immutable=b kind=s metadata=ObjectMeta
        Secret: apiVersion=s data={s immutable=b kind=s metadata=ObjectMeta stringData={s type=s
        ServiceAccount: apiVersion=s automountServiceAccountToken=b imagePullSecrets=[* kind=s metadata=ObjectMeta
          secrets=[*
        Service: apiVersion=s kind=s metadata=ObjectMeta spec=ServiceSpec
        ServiceSpec: allocateLoadBalancerNodePorts=b clusterIP=s clusterIPs=[s externalIPs=[s externalName=s
          externalTrafficPolicy=s healthCheckNodePort=i internalTrafficPolicy=s ipFamilies=[s ipFamilyPolicy=s
          loadBalancerClass=s loadBalancerIP=s loadBalancerSourceRanges=[s ports=[ServicePort
          publishNotReadyAddresses=b selector={s sessionAffinity=s sessionAffinityConfig=* trafficDistribution=s
          type=s
        ServicePort: appProtocol=s name=s nodePort=i port=i protocol=s targetPort=*
        Pod: apiVersion=s kind=s metadata=ObjectMeta spec=PodSpec
        PodSpec: activeDeadlineSeconds=l affinity=* automountServiceAccountToken=b containers=[Container dnsConfig=*
          dnsPolicy=s enableServiceLinks=b ephemeralContainers=[* hostAliases=[* hostIPC=b hostNetwork=b hostPID=b
          hostUsers=b hostname=s hostnameOverride=s imagePullSecrets=[* initContainers=[Container nodeName=s
          nodeSelector={s os=* overhead={* preemptionPolicy=s priority=i priorityClassName=s readinessGates=[*
          resourceClaims=[* resources=ResourceRequirements restartPolicy=s runtimeClassName=s schedulerName=s
          schedulingGates=[* schedulingGroup=* securityContext=* serviceAccount=s serviceAccountName=s
          setHostnameAsFQDN=b shareProcessNamespace=b subdomain=s terminationGracePeriodSeconds=l
          tolerations=[Toleration topologySpreadConstraints=[* volumes=[Volume
        PodTemplateSpec: metadata=ObjectMeta spec=PodSpec
        Container: args=[s command=[s env=[EnvVar envFrom=[EnvFromSource image=s imagePullPolicy=s lifecycle=*
          livenessProbe=Probe name=s ports=[ContainerPort readinessProbe=Probe resizePolicy=[*
          resources=ResourceRequirements restartPolicy=s restartPolicyRules=[* securityContext=* startupProbe=Probe
          stdin=b stdinOnce=b terminationMessagePath=s terminationMessagePolicy=s tty=b volumeDevices=[*
          volumeMounts=[VolumeMount workingDir=s
        ContainerPort: containerPort=i hostIP=s hostPort=i name=s protocol=s
        EnvVar: name=s value=s valueFrom=EnvVarSource
        EnvVarSource: configMapKeyRef=* fieldRef=* fileKeyRef=* resourceFieldRef=* secretKeyRef=*
        EnvFromSource: configMapRef=* prefix=s secretRef=*
        VolumeMount: mountPath=s mountPropagation=s name=s readOnly=b recursiveReadOnly=s subPath=s subPathExpr=s
        Volume: awsElasticBlockStore=* azureDisk=* azureFile=* cephfs=* cinder=* configMap=* csi=* downwardAPI=*
          emptyDir=* ephemeral=* fc=* flexVolume=* flocker=* gcePersistentDisk=* gitRepo=* glusterfs=* hostPath=*
          image=* iscsi=* name=s nfs=* persistentVolumeClaim=* photonPersistentDisk=* portworxVolume=* projected=*
          quobyte=* rbd=* scaleIO=* secret=* storageos=* vsphereVolume=*
        Probe: exec=* failureThreshold=i grpc=* httpGet=HTTPGetAction initialDelaySeconds=i periodSeconds=i
          successThreshold=i tcpSocket=* terminationGracePeriodSeconds=l timeoutSeconds=i
        HTTPGetAction: host=s httpHeaders=[* path=s port=* scheme=s
        ResourceRequirements: claims=[* limits={* requests={*
        Toleration: effect=s key=s operator=s tolerationSeconds=l value=s
        PersistentVolumeClaim: apiVersion=s kind=s metadata=ObjectMeta spec=PersistentVolumeClaimSpec
        PersistentVolumeClaimSpec: accessModes=[s dataSource=* dataSourceRef=* resources=* selector=LabelSelector
          storageClassName=s volumeAttributesClassName=s volumeMode=s volumeName=s
        Deployment: apiVersion=s kind=s metadata=ObjectMeta spec=DeploymentSpec
        DeploymentSpec: minReadySeconds=i paused=b progressDeadlineSeconds=i replicas=i revisionHistoryLimit=i
          selector=LabelSelector strategy=DeploymentStrategy template=PodTemplateSpec
        DeploymentStrategy: rollingUpdate=RollingUpdateDeployment type=s
        RollingUpdateDeployment: maxSurge=* maxUnavailable=*
        StatefulSet: apiVersion=s kind=s metadata=ObjectMeta spec=StatefulSetSpec
        StatefulSetSpec: minReadySeconds=i ordinals=* persistentVolumeClaimRetentionPolicy=* podManagementPolicy=s
          replicas=i revisionHistoryLimit=i selector=LabelSelector serviceName=s template=PodTemplateSpec
          updateStrategy=* volumeClaimTemplates=[PersistentVolumeClaim
        DaemonSet: apiVersion=s kind=s metadata=ObjectMeta spec=DaemonSetSpec
        DaemonSetSpec: minReadySeconds=i revisionHistoryLimit=i selector=LabelSelector template=PodTemplateSpec
          updateStrategy=*
        Job: apiVersion=s kind=s metadata=ObjectMeta spec=JobSpec
        JobSpec: activeDeadlineSeconds=l backoffLimit=i backoffLimitPerIndex=i completionMode=s completions=i
          managedBy=s manualSelector=b maxFailedIndexes=i parallelism=i podFailurePolicy=* podReplacementPolicy=s
          selector=LabelSelector successPolicy=* suspend=b template=PodTemplateSpec ttlSecondsAfterFinished=i
        JobTemplateSpec: metadata=ObjectMeta spec=JobSpec
        CronJob: apiVersion=s kind=s metadata=ObjectMeta spec=CronJobSpec
        CronJobSpec: concurrencyPolicy=s failedJobsHistoryLimit=i jobTemplate=JobTemplateSpec schedule=s
          startingDeadlineSeconds=l successfulJobsHistoryLimit=i suspend=b timeZone=s
        Ingress: apiVersion=s kind=s metadata=ObjectMeta spec=IngressSpec
        IngressSpec: defaultBackend=* ingressClassName=s rules=[* tls=[*
        NetworkPolicy: apiVersion=s kind=s metadata=ObjectMeta spec=NetworkPolicySpec
        NetworkPolicySpec: egress=[* ingress=[* podSelector=LabelSelector policyTypes=[s
        PodDisruptionBudget: apiVersion=s kind=s metadata=ObjectMeta spec=PodDisruptionBudgetSpec
        PodDisruptionBudgetSpec: maxUnavailable=* minAvailable=* selector=LabelSelector unhealthyPodEvictionPolicy=s
        HorizontalPodAutoscaler: apiVersion=s kind=s metadata=ObjectMeta spec=HorizontalPodAutoscalerSpec
        HorizontalPodAutoscalerSpec: behavior=* maxReplicas=i metrics=[* minReplicas=i scaleTargetRef=*
        ObjectMeta: annotations={s creationTimestamp=* deletionGracePeriodSeconds=l deletionTimestamp=*
          finalizers=[s generateName=s generation=l labels={s managedFields=[* name=s namespace=s ownerReferences=[*
          resourceVersion=s selfLink=s uid=s
        LabelSelector: matchExpressions=[* matchLabels={s
        """
}
