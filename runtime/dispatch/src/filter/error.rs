//! Why a pattern is refused, in the words of EventBridge.

/// Everything but the last two is said by EventBridge in the same words, after `Event pattern is not valid. Reason: `.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    #[error("Filter is not an object")]
    NotAnObject,
    #[error("Empty objects are not allowed")]
    EmptyObject,
    #[error("Empty arrays are not allowed")]
    EmptyArray,
    #[error("\"{0}\" must be an object or an array")]
    Scalar(String),
    #[error("Only one key allowed in match expression")]
    SeveralKeys,
    #[error("Unrecognized match type {0}")]
    UnknownMatch(String),
    #[error("{0} match pattern must be a string")]
    NotText(&'static str),
    #[error("exists match pattern must be either true or false.")]
    NotBool,
    #[error("Value of numeric must be an array.")]
    NumericNotArray,
    #[error("Invalid member in numeric match: {0}")]
    NumericMember(String),
    #[error("Bad numeric range operator: {0}")]
    NumericOperator(String),
    #[error("Value of {0} must be numeric")]
    NotNumeric(String),
    #[error("Too many terms in numeric range expression")]
    NumericTooLong,
    #[error("Bottom must be less than top")]
    EmptyRange,
    #[error("Consecutive wildcard characters at pos {0}")]
    ConsecutiveStars(usize),
    #[error("Invalid escape character at pos {0}")]
    BadEscape(usize),
    #[error(
        "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character"
    )]
    TooManyStars,
    #[error("Value of anything-but must be an array or single string/number value.")]
    AnythingBut,
    #[error("Inside anything-but list, start|null|boolean is not supported.")]
    AnythingButMember,
    #[error(
        "Inside anything but list, either all values are number or string, mixed type is not supported"
    )]
    AnythingButMixed,
    #[error("prefix/suffix match pattern must be a string")]
    AffixNotText,
    #[error("Null prefix/suffix not allowed")]
    EmptyAffix,
    #[error("Malformed CIDR, one '/' required")]
    CidrSlash,
    #[error("Malformed CIDR, mask bits must be an integer")]
    CidrBits,
    #[error("Nonstandard IP address: {0}")]
    CidrAddress(String),
    #[error("the pattern has {0} characters, 4096 are allowed: split it into several")]
    TooLong(usize),
    #[error("{0} patterns, 10 are allowed: join some with \"$or\"")]
    TooMany(usize),
}
