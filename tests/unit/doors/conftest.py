"""The administrator by whom keys and tenants are handled."""

from tests.unit.doors.office import office as office
