#pragma once
#include <linux/sched/types.h>
#include <sys/syscall.h>
#include <unistd.h>

// The C library has no functions for these two, and Swift calls none with a variable number of arguments.
// Source: sched_setattr(2).

static inline long linux_sched_getattr(int thread, struct sched_attr *attributes)
{
    return syscall(SYS_sched_getattr, thread, attributes, sizeof(struct sched_attr), 0);
}

static inline long linux_sched_setattr(int thread, struct sched_attr *attributes)
{
    return syscall(SYS_sched_setattr, thread, attributes, 0);
}
