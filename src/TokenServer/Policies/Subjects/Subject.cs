using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Names;

namespace AuthIndex.TokenServer.Policies.Subjects;

/// <summary>The kinds of subject a rule can be about.</summary>
internal enum SubjectKind
{
    /// <summary>Every caller, anonymous ones too.</summary>
    Anyone,

    /// <summary>Every caller who signed in.</summary>
    Authenticated,

    /// <summary>One account, <c>user:NAME</c>.</summary>
    User,

    /// <summary>The members of a group that the policy files define.</summary>
    Group,

    /// <summary>The members of a directory's group, by name or distinguished name, compared as directories compare them.</summary>
    Ldap,

    /// <summary>One robot account, <c>robot:NAME</c>.</summary>
    Robot,

    /// <summary>The holders of client certificates with one common name.</summary>
    Certificate,

    /// <summary>The holders of client certificates with one SPIFFE ID.</summary>
    Spiffe,
}

/// <summary>One subject of a rule: to whom it applies.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Name">The name within the kind; "" for <see cref="SubjectKind.Anyone"/> and
/// <see cref="SubjectKind.Authenticated"/>.</param>
internal sealed record Subject(SubjectKind Kind, string Name)
{
    private static readonly (string Prefix, SubjectKind Kind)[] Prefixes =
    [
        ("user:", SubjectKind.User), ("group:", SubjectKind.Group), ("ldap:", SubjectKind.Ldap), ("robot:", SubjectKind.Robot),
        ("cert:", SubjectKind.Certificate), ("spiffe:", SubjectKind.Spiffe),
    ];

    public static Subject Anyone { get; } = new(SubjectKind.Anyone, "");

    public static Subject Authenticated { get; } = new(SubjectKind.Authenticated, "");

    /// <summary>The one text under which the subject is looked up and shown; two subjects are the same when their keys are.</summary>
    public string Key { get; } = Kind switch
    {
        SubjectKind.Anyone => "anyone",
        SubjectKind.Authenticated => "authenticated",
        SubjectKind.User => "user:" + Name,
        SubjectKind.Group => GroupKey(Name),
        SubjectKind.Ldap => LdapKey(Name),
        SubjectKind.Certificate => "cert:" + Name,
        SubjectKind.Spiffe => "spiffe:" + Name,
        _ => "robot:" + Name,
    };

    /// <summary>
    /// For an account, the text under which it is looked up for callers whose source compares names without regard to letter case; null
    /// otherwise.
    /// </summary>
    public string? AnyCaseKey { get; } = Kind == SubjectKind.User ? AnyCaseAccountKey(Name) : null;

    /// <summary>Whether it is a group, of the policy files or of a directory or issuer.</summary>
    public bool IsGroup => Kind is SubjectKind.Group or SubjectKind.Ldap;

    /// <summary>The key of a local group.</summary>
    public static string GroupKey(string name) => "group:" + name;

    /// <summary>The key of a directory's group, the same for every spelling of its name.</summary>
    public static string LdapKey(string name) => "ldap:" + GroupName.Key(name);

    /// <summary>
    /// The key of an account: that of a robot or a certificate carries its kind already, and no one can sign in with such a user name.
    /// </summary>
    public static string AccountKey(string account) => IsRobot(account) || IsCertificate(account) ? account : "user:" + account;

    /// <summary>The key of an account whose source compares names without regard to letter case: no subject's <see cref="Key"/>.</summary>
    public static string AnyCaseAccountKey(string account) => "user~" + AccountSpelling.Key(account);

    /// <summary>Whether the account is a robot's.</summary>
    public static bool IsRobot(string account) => account.StartsWith("robot:", StringComparison.Ordinal);

    /// <summary>Whether an OIDC issuer cannot have the name, because before a colon it means something else.</summary>
    public static bool IsReserved(string name) =>
        Prefixes.Any(p => p.Prefix == name + ":") || name is "anyone" or "authenticated" or SignIn.Anonymous;

    /// <summary>Whether the account or group is of an OIDC issuer, whose name stands before the colon; no other has one.</summary>
    public static bool IsOfIssuer(string name) =>
        name.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon
        && colon < name.Length - 1
        && name[..colon].All(IsIssuerCharacter)
        && !IsReserved(name[..colon]);

    /// <summary>Whether the account is one that a client certificate signs in.</summary>
    public static bool IsCertificate(string account) =>
        account.StartsWith("cert:", StringComparison.Ordinal) || account.StartsWith("spiffe:", StringComparison.Ordinal);

    /// <summary>Reads a subject as rules write it.</summary>
    /// <returns>Null when the text is a subject; otherwise what is wrong with it.</returns>
    public static string? Parse(string text, out Subject subject)
    {
        subject = Anyone;
        if (text is "anyone") return null;
        if (text is "authenticated")
        {
            subject = Authenticated;
            return null;
        }

        foreach (var (prefix, kind) in Prefixes)
        {
            if (!text.StartsWith(prefix, StringComparison.Ordinal)) continue;
            subject = new Subject(kind, text[prefix.Length..]);
            return Check(subject);
        }

        if (text.Length == 0) return "an empty subject matches nobody; write anyone for everyone";
        if (text is "*" or "**" or "all" or "everyone" or "everybody")
        {
            return $"'{text}' is not a subject; did you mean 'anyone' (anonymous callers too) or 'authenticated'?";
        }

        if (text is "anonymous")
        {
            return "'anonymous' is not a subject; write 'anyone', and 'except: [authenticated]' to exclude signed-in callers";
        }

        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0)
        {
            var near = Suggestion.For(text, ["anyone", "authenticated"]);
            if (!near.Contains("mean", StringComparison.Ordinal)) near = $"; did you mean 'user:{text}' or 'group:{text}'?";
            return $"'{text}' is not a subject{near}";
        }

        if (IsOfIssuer(text)
            && Suggestion.For(text[..(colon + 1)], Prefixes.Select(p => p.Prefix)) is var meant
            && !meant.Contains("mean", StringComparison.Ordinal))
        {
            return $"'{text}' is not a subject; an account of an OIDC issuer is written 'user:{text}', a group of it 'group:{text}'";
        }

        return $"'{text}' is not a subject{Suggestion.For(text[..(colon + 1)], Prefixes.Select(p => p.Prefix))}";
    }

    /// <inheritdoc/>
    public bool Equals(Subject? other) => other is not null && Key == other.Key;

    /// <inheritdoc/>
    public override int GetHashCode() => Key.GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => Key;

    private static bool IsIssuerCharacter(char c) => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-';

    private static string? Check(Subject subject)
    {
        var name = subject.Name;
        if (name.Length == 0) return $"'{subject.Key}' names nobody; a name must follow the colon";
        if (name != name.Trim() || name.Any(char.IsControl)) return $"'{subject.Key}' has a space at its end or a control character in it";
        if (subject.Kind == SubjectKind.Ldap && GroupName.Problem(name) is { } problem) return $"'ldap:{name}': {problem}";
        if (subject.Kind != SubjectKind.Ldap && name.Contains('*'))
        {
            return $"'{subject.Key}': subjects are names, not patterns; write 'authenticated' for everybody who signed in";
        }

        if (subject.Kind == SubjectKind.User && name is SignIn.Anonymous) return "no account is named 'anonymous'; write 'anyone'";
        if (subject.Kind == SubjectKind.User && name.Contains(':') && !IsOfIssuer(name))
        {
            return $"no account has a colon in its name{(IsRobot(name) || IsCertificate(name) ? $"; did you mean '{name}'?" : "")}";
        }

        return null;
    }
}
