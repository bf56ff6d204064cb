"""Users' mistakes: each names the thing, the value and the remedy, and never prints a traceback."""


class UserError(Exception):
    """Something the user can put right; its text is shown as it stands."""


class ConfigError(UserError):
    """A setting that cannot be used."""


class PackError(UserError):
    """A knowledge pack that cannot be used."""


class VectorError(UserError):
    """A vector index that cannot be read or written."""


class AudioError(UserError):
    """A recording that cannot be used."""


class SignalError(UserError):
    """A call offer that cannot be used."""


class StoreError(UserError):
    """A database that cannot be used."""


class NoPlace(UserError):
    """An ear that can take no other call now; its text says why."""


class UnknownCall(UserError):
    """A call that the store does not know."""


class LogError(UserError):
    """A file that is no call log."""


class DataError(UserError):
    """A data set that cannot be used: the file, the line, and what is wrong there."""


class LabelError(UserError):
    """A label that cannot be used."""


class LearnError(UserError):
    """Labels that nothing can be learned from, or a learned version that cannot be used."""


class UnknownFact(UserError):
    """Something remembered that is not there, or not this team's."""


class MindError(UserError):
    """A background model that gave no answer; its text names routes and causes, never content."""


class AccountError(UserError):
    """Something about accounts that cannot be done as it was asked."""


class UnknownAccount(UserError):
    """A person, link, token or device that is not there, or not this team's."""


class SignInError(UserError):
    """Somebody who is not who they say, as far as can be told."""


class TooOften(UserError):
    """Something that was tried too often in a while."""


class PolicyError(UserError):
    """A team's policy that cannot be used as it was asked."""


class SettingError(UserError):
    """A team's setting that cannot be used."""
