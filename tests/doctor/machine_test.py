"""Processors, memory and threads, from files as Linux writes them."""

import os

import pytest

from bert_tf.doctor import machine
from bert_tf.doctor.findings import note, ok


@pytest.fixture
def groups(tmp_path):
    """Writes control groups, and returns the arguments for their paths."""

    def groups(own, **files):
        (tmp_path / "own").write_text(own)
        for name, text in files.items():
            file = tmp_path / "cgroup" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path / "cgroup", tmp_path / "own"

    return groups


class TestLimits:
    def test_processors_version_2(self, groups):
        places = groups("0::/a/b\n", **{"a/b/cpu.max": "150000 100000\n"})
        assert machine.cpu_limit(*places) == 2  # 1.5, rounded up.

    def test_the_lowest_limit_of_the_parents_applies(self, groups):
        files = {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "400000 100000\n"}
        assert machine.cpu_limit(*groups("0::/a/b\n", **files)) == 4

    def test_processors_version_1(self, groups):
        files = {
            "cpu/a/cpu.cfs_quota_us": "300000",
            "cpu/a/cpu.cfs_period_us": "100000",
        }
        places = groups("3:memory:/a\n2:cpu,cpuacct:/a\n", **files)
        assert machine.cpu_limit(*places) == 3

    def test_no_limit(self, groups, tmp_path):
        files = {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}
        assert machine.cpu_limit(*groups("2:cpu:/\n", **files)) is None
        assert machine.cpu_limit(tmp_path, tmp_path / "nothing") is None

    def test_memory(self, groups, tmp_path):
        info = tmp_path / "meminfo"
        info.write_text("MemTotal:  9000 kB\nMemAvailable:  7000 kB\n")
        places = groups("0::/a\n", **{"a/memory.max": "max"})
        assert machine.usable_memory(*places, info) == 7000 * 1024
        places = groups("0::/a\n", **{"a/memory.max": "5000000"})
        assert machine.usable_memory(*places, info) == 5000000
        places = groups("4:memory:/\n", **{"memory/memory.limit_in_bytes": "4000000"})
        assert machine.usable_memory(*places, info) == 4000000


class TestProcessors:
    def test_count(self):
        assert 1 <= machine.usable_cpus() <= os.cpu_count()

    def test_a_limit_of_the_container(self):
        assert machine.check_cpus(8, None) == ok("machine/processors", "8 available")
        assert machine.check_cpus(8, 9)["level"] == "ok"
        found = machine.check_cpus(8, 3)
        assert found["level"] == "note"
        assert found["fix"] == "export TF_NUM_INTRAOP_THREADS=3"

    @pytest.mark.parametrize(
        "info, name, flags",
        [
            ("model name\t: AMD EPYC\nflags\t\t: avx avx2 fma\n", "AMD EPYC", "avx2"),
            ("processor\t: 0\nFeatures\t: fp asimd bf16\n", None, "bf16"),
        ],
    )
    def test_name_and_flags(self, tmp_path, info, name, flags):
        (tmp_path / "cpuinfo").write_text(info)
        received, found = machine.read_cpu_info(tmp_path / "cpuinfo")
        assert flags in found
        assert name is None or received == name

    def test_other_systems_than_linux(self, tmp_path):
        assert machine.read_cpu_info(tmp_path / "cpuinfo")[1] == set()


class TestThreads:
    @pytest.mark.parametrize("value", ["", "4", "0", "many"])
    def test_no_finding(self, value):
        assert machine.check_threads({"TF_NUM_INTRAOP_THREADS": value}, 4) == []

    def test_fewer_than_processors(self):
        (found,) = machine.check_threads({"OMP_NUM_THREADS": "1,2"}, 4)
        assert found == note(
            "machine/threads",
            "OMP_NUM_THREADS=1 gives NumPy and scikit-learn fewer threads than the 4 "
            "available processors.",
            "unset OMP_NUM_THREADS, or export OMP_NUM_THREADS=4",
        )

    def test_more_than_processors(self):
        (found,) = machine.check_threads({"TF_NUM_INTRAOP_THREADS": "9"}, 4)
        assert "TensorFlow more threads than the 4 available" in found["says"]


@pytest.mark.parametrize(
    "value, flags, level, says",
    [
        ("", {"avx2"}, "ok", "off, the default of TensorFlow"),
        ("", {"avx512_vnni"}, "ok", "on, the default of TensorFlow"),
        ("1", {"avx2"}, "ok", "on (TF_ENABLE_ONEDNN_OPTS=1)"),
        ("0", {"avx2"}, "ok", "off, the default of TensorFlow"),
        ("0", {"avx512_vnni"}, "note", "off (TF_ENABLE_ONEDNN_OPTS=0)"),
    ],
)
def test_onednn(value, flags, level, says):
    found = machine.check_onednn({"TF_ENABLE_ONEDNN_OPTS": value}, flags)
    assert found["level"] == level
    assert found["says"].startswith(says)


def test_this_machine():
    found = {finding["check"]: finding for finding in machine.check({})}
    assert found["machine/processors"]["says"].startswith(f"{machine.usable_cpus()} ")
