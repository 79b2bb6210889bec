"""Checks of the processors, threads, instruction sets and memory of the machine.

They read Linux's /proc and /sys; on other systems, findings without data are left out.
Nothing here imports TensorFlow.
"""

import os
import pathlib
import platform

from bert_tf.doctor.findings import note, ok

GROUPS = pathlib.Path("/sys/fs/cgroup")
OWN_GROUPS = pathlib.Path("/proc/self/cgroup")
CPU_INFO = pathlib.Path("/proc/cpuinfo")
MEMORY_INFO = pathlib.Path("/proc/meminfo")

# {flag in /proc/cpuinfo: usual name}.
_INSTRUCTIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vnni": "VNNI",
    "avx512_bf16": "AVX-512 bf16",
    "amx_bf16": "AMX bf16",
    "asimd": "NEON",
    "sve": "SVE",
    "bf16": "bf16",
}
# TensorFlow turns oneDNN on by default if the processor has one of these (port.cc).
_ONEDNN_BY_DEFAULT = {"avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_int8"}


def check(environ=os.environ):
    """Returns the findings on processors, threads, instructions and memory."""
    cpus, limit = usable_cpus(), cpu_limit()
    name, flags = read_cpu_info()
    threads = check_threads(environ, min(cpus, limit or cpus))
    findings = [check_cpus(cpus, limit), *threads]
    instructions = [_INSTRUCTIONS[flag] for flag in _INSTRUCTIONS if flag in flags]
    if instructions:
        says = f"{name}: {', '.join(instructions)}"
        findings.append(ok("machine/instructions", says))
    if "avx" in flags:
        findings.append(check_onednn(environ, flags))
    memory = usable_memory()
    if memory:
        findings.append(ok("machine/memory", f"{memory / 1e9:.1f} GB free"))
    return findings


def usable_cpus():
    """Returns the number of processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_limit(groups=GROUPS, own=OWN_GROUPS):
    """Returns the container's limit of processor time in processors, or None.

    Args:
        groups: folder of the control groups.
        own: file that lists the control groups of this process.

    Returns:
        int, rounded up.
    """
    limits = []
    for group in _own_groups("cpu", groups, own):
        quota = _words(group / "cpu.max") or (  # Version 2 of cgroups, else 1.
            _words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us")
        )
        if len(quota) == 2 and quota[0].isdecimal():  # "max" and -1 mean no limit.
            limits.append(-(-int(quota[0]) // int(quota[1])))
    return min(limits, default=None)


def usable_memory(groups=GROUPS, own=OWN_GROUPS, info=MEMORY_INFO):
    """Returns the free bytes of memory, within the container's limit, or None."""
    words = _words(info)
    limits = []
    if "MemAvailable:" in words:
        limits.append(int(words[words.index("MemAvailable:") + 1]) * 1024)
    for group in _own_groups("memory", groups, own):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limits += [int(word) for word in _words(group / name) if word.isdecimal()]
    return min(limits, default=None)


def read_cpu_info(path=CPU_INFO):
    """Returns (name of the processor, set of its flags)."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine(), set()
    fields = {}
    for line in lines:
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())  # The first core is enough.
    name = fields.get("model name") or platform.machine()
    return name, set((fields.get("flags") or fields.get("Features", "")).split())


def check_cpus(cpus, limit):
    """Compares the processors with the container's limit of processor time."""
    says = f"{cpus} available"
    if limit is None or limit >= cpus:
        return ok("machine/processors", says)
    # TensorFlow starts a thread for each processor and ignores the limit.
    says += f", but the container's limit is the time of {limit}, so threads will wait."
    return note("machine/processors", says, f"export TF_NUM_INTRAOP_THREADS={limit}")


def check_threads(environ, cpus):
    """Compares the numbers of threads in the environment with the processors."""
    findings = []
    for name, library in (
        ("TF_NUM_INTRAOP_THREADS", "TensorFlow"),
        # The wheels of TensorFlow ignore this variable.
        ("OMP_NUM_THREADS", "NumPy and scikit-learn"),
    ):
        value = environ.get(name, "").partition(",")[0].strip()
        if not value.isdecimal() or int(value) in (0, cpus):
            continue
        says = f"{name}={value} gives {library} "
        if int(value) < cpus:
            says += f"fewer threads than the {cpus} available processors."
        else:
            says += f"more threads than the {cpus} available processors, so threads "
            says += "wait for each other."
        fix = f"unset {name}, or export {name}={cpus}"
        findings.append(note("machine/threads", says, fix))
    return findings


def check_onednn(environ, flags):
    """Checks whether TensorFlow uses oneDNN, Intel's kernels for x86 processors."""
    value = environ.get("TF_ENABLE_ONEDNN_OPTS", "")
    if value == "1":
        return ok("machine/oneDNN", "on (TF_ENABLE_ONEDNN_OPTS=1)")
    by_default = bool(flags & _ONEDNN_BY_DEFAULT)
    if by_default and value == "0":
        says = "off (TF_ENABLE_ONEDNN_OPTS=0), but it is faster on this processor."
        return note("machine/oneDNN", says, "unset TF_ENABLE_ONEDNN_OPTS")
    if by_default:
        return ok("machine/oneDNN", "on, the default of TensorFlow on this processor")
    says = "off, the default of TensorFlow on processors without VNNI"
    return ok("machine/oneDNN", says)


def _own_groups(controller, groups, own):
    """Yields the control groups of this process, innermost first, of both versions."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = groups / controller if controllers else groups
        group = root / path.lstrip("/")
        yield group
        yield from (parent for parent in group.parents if parent.is_relative_to(root))


def _words(path):
    try:
        return path.read_text().split()
    except OSError:
        return []
