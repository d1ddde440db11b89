"""The advisor's errors: each says what, where and what to do, and knows how every door reports it."""


class AdvisorError(Exception):
    """What all our errors share: a stable `code`, a `status` for REST and an `exit_code` for the terminal.

    `str(error)` is for the person who made the call and may repeat what they wrote. `public` never does, so that it
    may travel and be logged; it is the same message unless given.
    """

    code = "internal"
    status = 500
    exit_code = 4

    def __init__(self, message: str, *, public: str | None = None) -> None:
        super().__init__(message)
        self.public = message if public is None else public


class UsageError(AdvisorError):
    """The call is wrong, whatever the data: an unknown question, template or category."""

    code = "usage"
    status = 422
    exit_code = 2


class InputRefused(AdvisorError):
    """The text, table or folder cannot be used as it is.

    >>> InputRefused("the description is empty; write what you want to know", code="description_empty").code
    'description_empty'
    """

    status = 422
    exit_code = 3

    def __init__(self, message: str, *, code: str = "input_refused", public: str | None = None) -> None:
        super().__init__(message, public=public)
        self.code = code
