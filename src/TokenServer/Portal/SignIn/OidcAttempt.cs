using AuthIndex.TokenServer.Identity.Oidc.People;

namespace AuthIndex.TokenServer.Portal.SignIn;

/// <summary>What came of a browser's return from a provider, as the protocol's handler found it.</summary>
internal sealed class OidcAttempt
{
    /// <summary>The person that the ID token is for, once everything about it is verified.</summary>
    public Person? Person { get; set; }

    /// <summary>
    /// When the provider last asked the person who they are (<c>auth_time</c>, OpenID Connect Core section 2); null when it does not say.
    /// </summary>
    public DateTimeOffset? Authenticated { get; set; }

    /// <summary>The <c>sub</c> whose claims are refused; null when none is.</summary>
    public string? RefusedSubject { get; set; }

    /// <summary>Why the claims of the ID token are refused; null when they are not.</summary>
    public string? Refusal { get; set; }

    /// <summary>Whether the protocol was followed to its end.</summary>
    public bool IsComplete { get; set; }

    /// <summary>Whether the provider says that the person declined.</summary>
    public bool IsDenied { get; set; }

    /// <summary>What went wrong; null for nothing.</summary>
    public Exception? Failure { get; set; }

    /// <summary>The path to go to afterwards; null when the state was not readable.</summary>
    public string? Return { get; set; }

    /// <summary>The attempt that a request is.</summary>
    public static OidcAttempt Of(HttpContext http) => (OidcAttempt)http.Items[typeof(OidcAttempt)]!;

    /// <summary>Begins one.</summary>
    public static OidcAttempt Begin(HttpContext http)
    {
        var attempt = new OidcAttempt();
        http.Items[typeof(OidcAttempt)] = attempt;
        return attempt;
    }
}
