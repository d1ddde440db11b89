"""The REST service: a thin skin over advisor.api, described by OpenAPI."""
