"""`ssl`, as far as clients of HTTPS look at it.

The host sees to TLS, and to who is at the other end, whatever a context asks for: what is wrapped here only remembers that it is secure.
"""

import enum

OPENSSL_VERSION = "OpenSSL 3.0.0 (the host sees to TLS)"
OPENSSL_VERSION_INFO = (3, 0, 0, 0, 0)
OPENSSL_VERSION_NUMBER = 0x30000000
HAS_SNI = HAS_ALPN = HAS_TLSv1_2 = HAS_TLSv1_3 = HAS_NEVER_CHECK_COMMON_NAME = True
HAS_SSLv2 = HAS_SSLv3 = HAS_TLSv1 = HAS_TLSv1_1 = HAS_NPN = HAS_ECDH = HAS_PSK = False
CHANNEL_BINDING_TYPES = []


class _Numbers(enum.IntFlag):
    OP_ALL = 1
    OP_NO_SSLv2 = 2
    OP_NO_SSLv3 = 4
    OP_NO_TLSv1 = 8
    OP_NO_TLSv1_1 = 16
    OP_NO_TLSv1_2 = 32
    OP_NO_TLSv1_3 = 64
    OP_NO_COMPRESSION = 128
    OP_NO_TICKET = 256
    OP_NO_RENEGOTIATION = 512
    OP_CIPHER_SERVER_PREFERENCE = 1024
    OP_SINGLE_DH_USE = 2048
    OP_SINGLE_ECDH_USE = 4096
    OP_ENABLE_MIDDLEBOX_COMPAT = 8192
    OP_IGNORE_UNEXPECTED_EOF = 16384
    OP_LEGACY_SERVER_CONNECT = 32768


Options = _Numbers
globals().update(_Numbers.__members__)


class VerifyMode(enum.IntEnum):
    CERT_NONE = 0
    CERT_OPTIONAL = 1
    CERT_REQUIRED = 2


class VerifyFlags(enum.IntFlag):
    VERIFY_DEFAULT = 0
    VERIFY_CRL_CHECK_LEAF = 4
    VERIFY_X509_STRICT = 32
    VERIFY_X509_TRUSTED_FIRST = 32768
    VERIFY_X509_PARTIAL_CHAIN = 524288


class TLSVersion(enum.IntEnum):
    MINIMUM_SUPPORTED = -2
    SSLv3 = 768
    TLSv1 = 769
    TLSv1_1 = 770
    TLSv1_2 = 771
    TLSv1_3 = 772
    MAXIMUM_SUPPORTED = -1


class _SSLMethod(enum.IntEnum):
    PROTOCOL_TLS = 2
    PROTOCOL_TLSv1 = 3
    PROTOCOL_TLSv1_1 = 4
    PROTOCOL_TLSv1_2 = 5
    PROTOCOL_TLS_CLIENT = 16
    PROTOCOL_TLS_SERVER = 17


for _kind in (VerifyMode, VerifyFlags, _SSLMethod):
    globals().update(_kind.__members__)
PROTOCOL_SSLv23 = _SSLMethod.PROTOCOL_TLS


class Purpose(enum.Enum):
    SERVER_AUTH = 1
    CLIENT_AUTH = 2


class SSLError(OSError):
    pass


class SSLZeroReturnError(SSLError):
    pass


class SSLWantReadError(SSLError):
    pass


class SSLWantWriteError(SSLError):
    pass


class SSLSyscallError(SSLError):
    pass


class SSLEOFError(SSLError):
    pass


class SSLCertVerificationError(SSLError, ValueError):
    pass


CertificateError = SSLCertVerificationError


class SSLContext:
    def __init__(self, protocol=_SSLMethod.PROTOCOL_TLS):
        self.protocol = protocol
        self.options = _Numbers.OP_ALL
        self.verify_mode = VerifyMode.CERT_REQUIRED
        self.verify_flags = VerifyFlags.VERIFY_DEFAULT
        self.check_hostname = True
        self.hostname_checks_common_name = False
        self.minimum_version = TLSVersion.TLSv1_2
        self.maximum_version = TLSVersion.MAXIMUM_SUPPORTED
        self.post_handshake_auth = False
        self.keylog_filename = None

    def _unheard(self, *_, **__):
        """The host has certificates, ciphers and protocols of its own."""

    load_verify_locations = load_default_certs = set_default_verify_paths = _unheard
    set_ciphers = set_alpn_protocols = set_ecdh_curve = _unheard

    def load_cert_chain(self, *_, **__):
        raise SSLError("certificates of a client are not there: the host opens connections itself")

    def get_ca_certs(self, binary_form=False):
        return []

    def get_ciphers(self):
        return []

    def cert_store_stats(self):
        return {"x509": 0, "crl": 0, "x509_ca": 0}

    def wrap_socket(self, sock, *_, server_hostname=None, **__):
        sock.secure(server_hostname)
        return sock

    def wrap_bio(self, *_, **__):
        raise SSLError("a sandbox has no sockets")


class SSLSocket:
    """A name to ask after: what is secure is the connection itself."""


class SSLObject:
    pass


class MemoryBIO:
    def __init__(self):
        raise SSLError("a sandbox has no sockets")


def create_default_context(purpose=Purpose.SERVER_AUTH, **_):
    return SSLContext(_SSLMethod.PROTOCOL_TLS_CLIENT)


_create_default_https_context = create_default_context


def _create_unverified_context(*_, **__):
    return SSLContext(_SSLMethod.PROTOCOL_TLS_CLIENT)


def match_hostname(cert, hostname):
    """The host does."""


def get_default_verify_paths():
    import collections

    kind = collections.namedtuple("DefaultVerifyPaths", "cafile capath openssl_cafile_env openssl_cafile openssl_capath_env openssl_capath")
    return kind(None, None, "SSL_CERT_FILE", "", "SSL_CERT_DIR", "")
