import pytest

from hifisyn import memory

GIB = 2**30


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A system whose files say what a test writes."""
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    return tmp_path


def test_memory_is_unknown_where_the_system_does_not_say(system):
    assert memory.free_gib() is None
    assert memory.memory_limit_gib() is None


def test_what_a_container_holds_of_files_is_free(system):
    (system / "meminfo").write_text("MemTotal: 99 kB\nMemAvailable: 41943040 kB\n")
    assert memory.free_gib() == 40
    (system / "memory.max").write_text(f"{24 * GIB}\n")
    (system / "memory.current").write_text(f"{20 * GIB}\n")
    assert memory.free_gib() == 4
    (system / "memory.stat").write_text(f"anon 5\nactive_file {6 * GIB}\ninactive_file {10 * GIB}\n")
    assert memory.free_gib() == 20
    (system / "memory.max").write_text("max\n")
    assert memory.free_gib() == 40
