namespace AuthIndex.TokenServer.Portal.Pages;

/// <summary>What was decided about an account.</summary>
/// <param name="Decision">The id that was asked for; "" for none.</param>
/// <param name="Rows">The decisions, the newest first.</param>
public sealed record DenialsModel(string Decision, IReadOnlyList<DenialRow> Rows);

/// <summary>A decision.</summary>
/// <param name="Decision">Its id.</param>
/// <param name="Time">When.</param>
/// <param name="Outcome">How it ended, in words.</param>
/// <param name="Service">The registry; null when the request did not get that far.</param>
/// <param name="Address">Where the request came from; null when unknown.</param>
/// <param name="Token">The name of the token that was used; null for none.</param>
/// <param name="Asked">What was asked for.</param>
/// <param name="Granted">What was granted.</param>
/// <param name="Refused">What was refused, and why.</param>
public sealed record DenialRow(
    string Decision, DateTimeOffset Time, string Outcome, string? Service, string? Address, string? Token, IReadOnlyList<string> Asked,
    IReadOnlyList<string> Granted, IReadOnlyList<(string Scope, string Reason)> Refused);
