"""Waiting for processes that tests did not start themselves."""

from __future__ import annotations

import asyncio

import psutil


def runs(pid: int) -> bool:
    """True while the process exists and is no zombie; it may go away at any moment of the asking."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def gone(pid: int) -> None:
    """Wait until the process is gone; the caller bounds it."""
    while runs(pid):
        await asyncio.sleep(0.02)
