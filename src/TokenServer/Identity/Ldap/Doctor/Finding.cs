namespace AuthIndex.TokenServer.Identity.Ldap.Doctor;

/// <summary>How one step of an examination went.</summary>
internal enum Verdict
{
    /// <summary>As it should.</summary>
    Good,

    /// <summary>It works, but not for long, or not as one would think.</summary>
    Warning,

    /// <summary>It does not work.</summary>
    Bad,
}

/// <summary>One step of an examination.</summary>
/// <param name="Step">What was done.</param>
/// <param name="Verdict">How it went.</param>
/// <param name="Took">How long it took.</param>
/// <param name="Text">What was found; never a password.</param>
internal sealed record Finding(string Step, Verdict Verdict, TimeSpan Took, string Text);
