using System.Text.Json.Serialization;

namespace AuthIndex.TokenContract.Wire;

/// <summary>The body of a POST to <see cref="ServerPaths.Pullable"/>: which of these repositories may the caller pull?</summary>
/// <param name="Token">The caller's token, as it was sent.</param>
/// <param name="Address">The IP address that the caller's request comes from; null when it is not known.</param>
/// <param name="Repositories">The names, at most <see cref="MaxRepositories"/>.</param>
/// <param name="Prefixes">Whether the answer should also have <see cref="PullableAnswer.Prefixes"/>.</param>
public sealed record PullableQuestion(string Token, string? Address, IReadOnlyList<string> Repositories, bool Prefixes)
{
    /// <summary>The most repositories in one question.</summary>
    public const int MaxRepositories = 1000;
}

/// <summary>The index's answer to <see cref="ServerPaths.Pullable"/>: what of the names asked about the caller may pull.</summary>
/// <param name="Repositories">Those of the names asked about that the caller may pull; null in an answer out of form.</param>
/// <param name="Prefixes">
/// The beginnings of all names that the caller may pull: no other name needs to be asked about. Null when that was not asked for, or
/// the token server is of an earlier version.
/// </param>
public sealed record PullableAnswer(
    IReadOnlyList<string>? Repositories,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string>? Prefixes);

/// <summary>The body of a POST to <see cref="ServerPaths.Search"/>: what may the caller pull from this registry?</summary>
/// <param name="Authorization">The caller's <c>Authorization</c> header, Bearer or Basic; null for an anonymous caller.</param>
/// <param name="Address">The IP address that the caller's request comes from; null when it is not known.</param>
/// <param name="Text">What the names are to hold.</param>
/// <param name="Count">How many names at most, 1 to <see cref="MaxCount"/>.</param>
public sealed record SearchQuestion(string? Authorization, string? Address, string Text, int Count)
{
    /// <summary>The most names in one answer.</summary>
    public const int MaxCount = 100;

    /// <summary>Hides the credentials wherever the record is printed.</summary>
    public override string ToString() => $"{Text}: ***";
}

/// <summary>The answer at <see cref="ServerPaths.Search"/>: one of the two.</summary>
/// <param name="Repositories">The names, in byte order; null when the caller was refused.</param>
/// <param name="Refusal">Why the caller was refused; null when they were not.</param>
public sealed record SearchAnswer(IReadOnlyList<string>? Repositories, SearchAnswer.Refused? Refusal)
{
    /// <summary>A refusal, as it would have been without the registry in between.</summary>
    /// <param name="Status">The HTTP status.</param>
    /// <param name="Message">The reason, for people.</param>
    /// <param name="RetryAfter">After how many seconds it is worth trying again; null to leave that open.</param>
    public sealed record Refused(int Status, string? Message, long? RetryAfter);
}

/// <summary>What a registry reads of the answer at <see cref="ServerPaths.Introspection"/> (RFC 7662 section 2.2).</summary>
/// <param name="Active">Whether the token is good at this moment; null in an answer out of form.</param>
public sealed record IntrospectionAnswer(bool? Active);

/// <summary>What a registry reads of a refusal (OCI distribution-spec 1.1, "Error Codes").</summary>
/// <param name="Errors">The errors; null in an answer out of form.</param>
public sealed record ErrorBody(IReadOnlyList<ErrorBody.Entry>? Errors)
{
    /// <summary>One error, of which only the message is read.</summary>
    /// <param name="Message">The sentence for people.</param>
    public sealed record Entry(string? Message);
}
