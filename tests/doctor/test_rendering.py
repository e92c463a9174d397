from __future__ import annotations

import pytest

from gridseval.doctor.rendering import check_backends, check_cuda_devices, is_software
from gridseval.envs.rendering import backend as backends
from gridseval.envs.rendering.backend import Probe


def fake_probes(monkeypatch: pytest.MonkeyPatch, **renderers: str | None) -> None:
    def probe(name: str) -> Probe:
        renderer = renderers[name]
        return Probe(name, renderer, None if renderer else "no such library")

    monkeypatch.setattr(backends, "probe_backend", probe)


def test_both_back_ends_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    fake_probes(monkeypatch, egl="NVIDIA H200/PCIe", osmesa="llvmpipe (LLVM 15)")
    egl, osmesa = check_backends()
    assert (egl.status, egl.text) == ("ok", "chosen, hardware: NVIDIA H200/PCIe")
    assert (osmesa.status, osmesa.text) == ("ok", "works, not needed, software: llvmpipe (LLVM 15)")


def test_one_back_end_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    fake_probes(monkeypatch, egl=None, osmesa="llvmpipe (LLVM 15)")
    egl, osmesa = check_backends()
    assert egl.status == "ok" and "no such library" in egl.text
    assert osmesa.text.startswith("chosen, software")


def test_no_back_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    fake_probes(monkeypatch, egl=None, osmesa=None)
    findings = list(check_backends())
    assert [finding.status for finding in findings] == ["failure"] * 3
    assert findings[-1].hint is not None and "apt-get" in findings[-1].hint


def test_mujoco_gl_excludes_the_one_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    fake_probes(monkeypatch, egl="llvmpipe", osmesa=None)
    last = list(check_backends())[-1]
    assert last.status == "failure"
    assert last.hint == "MUJOCO_GL=osmesa excludes egl: unset it"


@pytest.mark.parametrize(
    ("renderer", "software"),
    [
        ("llvmpipe (LLVM 15.0.6, 256 bits)", True),
        ("softpipe", True),
        ("NVIDIA L4/PCIe/SSE2", False),
    ],
)
def test_software_renderers_are_told_by_name(renderer: str, software: bool) -> None:
    assert is_software(renderer) is software


def test_cuda_visible_devices_does_not_choose_where_images_are_drawn() -> None:
    assert list(check_cuda_devices({})) == []
    (warning,) = check_cuda_devices({"CUDA_VISIBLE_DEVICES": "2"})
    assert warning.status == "warning"
    both = {"CUDA_VISIBLE_DEVICES": "2", "MUJOCO_EGL_DEVICE_ID": "2"}
    (fine,) = check_cuda_devices(both)
    assert fine.status == "ok"
