"""The site: kampung, cameras with their zones, and devices, from one YAML file. Applying it twice changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from contract.clock import Clock
from contract.errors import ErrorKind, KentonganError
from contract.ids import Slug
from server.settings import SettingsError, explain, read_yaml
from server.store import audit, sites
from server.store.audit import AuditEntry
from server.store.database import Database

Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SiteKampung(_Part):
    id: Slug
    name: Name


class SiteZone(_Part):
    id: Slug
    name: Name


class SiteCamera(_Part):
    id: Slug
    name: Name
    kampung_id: Slug
    zones: tuple[SiteZone, ...] = ()


class SiteDevice(_Part):
    id: Slug
    name: Name
    cameras: tuple[Slug, ...] = ()


class Site(_Part):
    """Everything the server knows by name. Camera ids are unique over all kampung."""

    kampung: tuple[SiteKampung, ...] = Field(min_length=1)
    cameras: tuple[SiteCamera, ...] = ()
    devices: tuple[SiteDevice, ...] = ()

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        kampung = [part.id for part in self.kampung]
        cameras = [part.id for part in self.cameras]
        spoken_for = [camera for device in self.devices for camera in device.cameras]
        for what, ids in (
            ("kampung", kampung),
            ("camera", cameras),
            ("device", [part.id for part in self.devices]),
            ("camera of devices", spoken_for),
            *((f"zone of camera {part.id}", [zone.id for zone in part.zones]) for part in self.cameras),
        ):
            twice = sorted({name for name in ids if ids.count(name) > 1})
            if twice:
                raise ValueError(f"{what} {twice[0]!r} stands here twice")
        for camera in self.cameras:
            if camera.kampung_id not in kampung:
                raise ValueError(f"camera {camera.id!r} is in kampung {camera.kampung_id!r}, which is not listed")
        for name in spoken_for:
            if name not in cameras:
                raise ValueError(f"a device has the camera {name!r}, which is not listed")
        return self


def load_site(path: Path) -> Site:
    """The site in a file.

    Raises:
        SettingsError: in one sentence, what is wrong with the file.
    """
    try:
        return Site.model_validate(read_yaml(path))
    except ValidationError as error:
        raise SettingsError(f"{path}: {explain(error, Site)}") from None


async def apply_site(database: Database, clock: Clock, site: Site, actor: str) -> None:
    """Create and rename what `site` lists. What it does not list stays: alerts refer to it.

    Raises:
        KentonganError: `conflict` when a camera would move to another kampung, and its alerts with it.
    """
    async with database.write() as writing:
        session = writing.session
        for kampung in site.kampung:
            await sites.put_kampung(session, kampung.id, kampung.name)
        for camera in site.cameras:
            stands_in = await sites.kampung_of_camera(session, camera.id)
            if stands_in not in {None, camera.kampung_id}:
                raise KentonganError(
                    ErrorKind.CONFLICT,
                    f"camera {camera.id!r} is in kampung {stands_in!r} already; give the one in {camera.kampung_id!r} "
                    "another id",
                )
            zones = [(zone.id, zone.name) for zone in camera.zones]
            await sites.put_camera(session, camera.id, camera.name, camera.kampung_id, zones)
        for device in site.devices:
            await sites.put_device(session, device.id, device.name, device.cameras)
        counts = {"kampung": len(site.kampung), "cameras": len(site.cameras), "devices": len(site.devices)}
        await audit.append(session, clock.utc(), [AuditEntry(actor, "site.provisioned", None, "site", counts)])
