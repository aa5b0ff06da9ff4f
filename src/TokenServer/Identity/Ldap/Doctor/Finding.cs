namespace AuthIndex.TokenServer.Identity.Ldap.Doctor;

/// <summary>How one step of an examination went.</summary>
internal enum Verdict
{
    /// <summary>The step works.</summary>
    Good,

    /// <summary>It works, but needs attention.</summary>
    Warning,

    /// <summary>It fails, so the sign-in would fail.</summary>
    Bad,
}

/// <summary>One step of an examination.</summary>
/// <param name="Step">What was done.</param>
/// <param name="Verdict">How it went.</param>
/// <param name="Took">How long it took.</param>
/// <param name="Text">What was found; never a password.</param>
internal sealed record Finding(string Step, Verdict Verdict, TimeSpan Took, string Text);
