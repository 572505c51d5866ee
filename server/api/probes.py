"""Whether the process lives, whether it can work, and its metrics."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from server.api.schemas import Liveness, Readiness, ReadinessCheck
from server.deps import MetricsGuard, PublicGuard, ServicesDep

router = APIRouter(tags=["health"])


@router.get("/healthz", dependencies=[Depends(PublicGuard("a supervisor has no account"))])
async def healthz() -> Liveness:
    """The process answers."""
    return Liveness()


@router.get("/readyz", dependencies=[Depends(PublicGuard("a load balancer has no account"))])
async def readyz(services: ServicesDep, response: Response) -> Readiness:
    """Whether requests can be served: database writable, clip folder writable, migrations current. 503 if not."""
    checks = {name: ReadinessCheck(ok=ok, detail=detail) for name, (ok, detail) in (await services.readiness()).items()}
    ready = all(check.ok for check in checks.values())
    response.status_code = 200 if ready else 503
    return Readiness(ready=ready, checks=checks)


@router.get(
    "/metrics",
    dependencies=[Depends(MetricsGuard())],
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus exposition format"}},
)
async def metrics(services: ServicesDep) -> Response:
    """Prometheus metrics; for this machine, or for who holds the metrics token."""
    return Response(generate_latest(services.metrics.registry), media_type=CONTENT_TYPE_LATEST)
