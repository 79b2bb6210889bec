"""What there is to compute with: processors, threads, memory, their instructions.

Read from Linux's /proc and /sys; elsewhere what cannot be known is left out. Nothing
here needs TensorFlow.
"""

import os
import pathlib
import platform

from bert_tf.doctor.findings import note, ok

GROUPS = pathlib.Path("/sys/fs/cgroup")
OWN_GROUPS = pathlib.Path("/proc/self/cgroup")
CPU_INFO = pathlib.Path("/proc/cpuinfo")
MEMORY_INFO = pathlib.Path("/proc/meminfo")

# As the processor says it, and as people do.
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
# Where a processor has one of these, TensorFlow turns oneDNN on by itself (port.cc).
_ONEDNN_BY_ITSELF = {"avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_int8"}


def check(environ=os.environ):
    """Returns the findings on processors, threads, instructions and memory."""
    cpus, limit = usable_cpus(), cpu_limit()
    name, flags = read_cpu_info()
    found = [check_cpus(cpus, limit), *check_threads(environ, min(cpus, limit or cpus))]
    known = [_INSTRUCTIONS[flag] for flag in _INSTRUCTIONS if flag in flags]
    if known:
        found.append(ok("machine/instructions", f"{name}: {', '.join(known)}"))
    if "avx" in flags:
        found.append(check_onednn(environ, flags))
    memory = usable_memory()
    if memory:
        found.append(ok("machine/memory", f"{memory / 1e9:.1f} GB free"))
    return found


def usable_cpus():
    """How many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_limit(groups=GROUPS, own=OWN_GROUPS):
    """Processors' worth of time that the container may take, rounded up, or None."""
    limits = []
    for group in _own_groups("cpu", groups, own):
        quota = _words(group / "cpu.max") or (  # Version 2 of cgroups, or 1.
            _words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us")
        )
        if len(quota) == 2 and quota[0].isdecimal():  # Else "max", or -1.
            limits.append(-(-int(quota[0]) // int(quota[1])))
    return min(limits, default=None)


def usable_memory(groups=GROUPS, own=OWN_GROUPS, info=MEMORY_INFO):
    """Bytes that may still be taken, as far as is known; None where it is not."""
    words = _words(info)
    limits = []
    if "MemAvailable:" in words:
        limits.append(int(words[words.index("MemAvailable:") + 1]) * 1024)
    for group in _own_groups("memory", groups, own):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limits += [int(word) for word in _words(group / name) if word.isdecimal()]
    return min(limits, default=None)


def read_cpu_info(path=CPU_INFO):
    """(the processor's name, the set of its flags)."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine(), set()
    fields = {}
    for line in lines:
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())  # All cores say the same.
    name = fields.get("model name") or platform.machine()
    return name, set((fields.get("flags") or fields.get("Features", "")).split())


def check_cpus(cpus, limit):
    says = f"{cpus} usable"
    if limit is None or limit >= cpus:
        return ok("machine/processors", says)
    # TensorFlow looks at the first number only; its threads then stop one another.
    says += f", but the container may take the time of {limit} only."
    return note("machine/processors", says, f"export TF_NUM_INTRAOP_THREADS={limit}")


def check_threads(environ, cpus):
    """Compares the numbers of threads asked for with the processors there are."""
    found = []
    for name, whose in (
        ("TF_NUM_INTRAOP_THREADS", "TensorFlow"),
        # TensorFlow's own wheels do not read this one.
        ("OMP_NUM_THREADS", "NumPy and scikit-learn"),
    ):
        value = environ.get(name, "").partition(",")[0].strip()
        if not value.isdecimal() or int(value) in (0, cpus):
            continue
        says = f"{name}={value} gives {whose} "
        if int(value) < cpus:
            says += f"fewer threads than the {cpus} processors there are."
        else:
            says += f"more threads than processors ({cpus}): they wait for each other."
        found.append(note("machine/threads", says, f"unset {name}, or {name}={cpus}"))
    return found


def check_onednn(environ, flags):
    """Whether TensorFlow uses oneDNN, Intel's kernels, on this x86 processor."""
    value = environ.get("TF_ENABLE_ONEDNN_OPTS", "")
    if value == "1":
        return ok("machine/oneDNN", "on (TF_ENABLE_ONEDNN_OPTS=1)")
    by_itself = bool(flags & _ONEDNN_BY_ITSELF)
    if by_itself and value == "0":
        says = "off (TF_ENABLE_ONEDNN_OPTS=0), though this processor gains from it."
        return note("machine/oneDNN", says, "unset TF_ENABLE_ONEDNN_OPTS")
    if by_itself:
        return ok("machine/oneDNN", "on, as TensorFlow does on this processor")
    return ok("machine/oneDNN", "off, as TensorFlow does on processors without VNNI")


def _own_groups(controller, groups, own):
    """The control groups this process is in, innermost first, of either version."""
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
        yield from (above for above in group.parents if above.is_relative_to(root))


def _words(path):
    try:
        return path.read_text().split()
    except OSError:
        return []
