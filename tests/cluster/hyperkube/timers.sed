# SPDX-License-Identifier: Apache-2.0
# A deleted pod is kept until its dead containers, its sandbox, its volumes and its control group have
# been collected one after the other. The kubelet looks every 10 s, 2 s, minute and 2 s; here every
# half second, which deletes in 4 s instead of 8 to 53. How often it asks the runtime what runs
# (plegRelistPeriod) is left as it is.
s/^const syncPeriod = .*/const syncPeriod = time.Second \/ 2/
s/^(\s*housekeepingPeriod = ).*/\1time.Second \/ 2/
s/^(\s*ContainerGCPeriod = ).*/\1time.Second \/ 2/
s/^(\s*desiredStateOfWorldPopulatorGetPodStatusRetryDuration = ).*/\1time.Second \/ 2/
# How often it looks whether something is running out: every second instead of 10.
s/^(\s*evictionMonitoringPeriod = ).*/\1time.Second/
