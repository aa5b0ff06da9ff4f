using System.Globalization;

namespace AuthIndex.TokenServer.Portal.Pages.Administration;

/// <summary>Lines of the audit log.</summary>
/// <param name="Fields">The filter.</param>
/// <param name="Rows">The lines, newest first.</param>
/// <param name="IsFull">Whether there may be older ones.</param>
/// <param name="IsWhole">Whether all files were searched.</param>
/// <param name="Damage">What could not be read; null when everything could.</param>
/// <param name="Problem">What is wrong with the filter; null for nothing.</param>
/// <param name="JsonLink">The reference to all lines, as JSON lines.</param>
/// <param name="CsvLink">The reference to all lines, as CSV.</param>
public sealed record AuditModel(
    IReadOnlyList<AuditField> Fields, IReadOnlyList<AuditRow> Rows, bool IsFull, bool IsWhole, string? Damage, string? Problem,
    string JsonLink, string CsvLink);

/// <summary>A field of the filter.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Label">What people read.</param>
/// <param name="Value">What was typed.</param>
public sealed record AuditField(string Name, string Label, string Value);

/// <summary>A line of the audit log.</summary>
/// <param name="Time">When.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Who">The account.</param>
/// <param name="What">What was asked or done.</param>
/// <param name="Address">From where.</param>
/// <param name="Decision">The decision's id.</param>
/// <param name="Reason">Why it failed.</param>
public sealed record AuditRow(string Time, string Outcome, string Who, string What, string Address, string Decision, string Reason);

/// <summary>Accounts.</summary>
/// <param name="Query">The name that was asked for.</param>
/// <param name="Account">The account of it; null where none was asked for.</param>
/// <param name="Suspended">Who is suspended.</param>
/// <param name="Held">Who is held back.</param>
/// <param name="MayAct">Whether the visitor may do something about them.</param>
public sealed record AccountsModel(
    string Query, AccountModel? Account, IReadOnlyList<SuspensionRow> Suspended, IReadOnlyList<HoldRow> Held, bool MayAct);

/// <summary>An account.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Source">Where it comes from; null when unknown.</param>
/// <param name="State">Whether it may sign in.</param>
/// <param name="Groups">Its groups.</param>
/// <param name="IsSuspended">Whether it is suspended.</param>
/// <param name="Held">Why it is held back; null when it is not.</param>
/// <param name="AccessTokens">How many access tokens it has.</param>
/// <param name="RefreshTokens">How many refresh tokens it has.</param>
/// <param name="Sessions">How many sessions it has.</param>
/// <param name="IsKnown">Whether there is such an account.</param>
public sealed record AccountModel(
    string Name, string? Source, string State, IReadOnlyList<string> Groups, bool IsSuspended, string? Held, int AccessTokens,
    int RefreshTokens, int Sessions, bool IsKnown);

/// <summary>A suspension.</summary>
/// <param name="Account">The account.</param>
/// <param name="Since">Since when.</param>
/// <param name="By">Who suspended it.</param>
/// <param name="Reason">Why.</param>
public sealed record SuspensionRow(string Account, DateTimeOffset Since, string By, string Reason);

/// <summary>An account whose sign-ins are refused for a while.</summary>
/// <param name="Account">The name that was typed.</param>
/// <param name="Until">Until when.</param>
/// <param name="Reason">Which limit it is.</param>
public sealed record HoldRow(string Account, DateTimeOffset Until, string Reason);

/// <summary>How the server is.</summary>
/// <param name="Health">Its parts.</param>
/// <param name="Registries">The registries that it issues tokens for.</param>
/// <param name="Upstreams">The upstreams of the registries that have any.</param>
/// <param name="Keys">The signing keys.</param>
/// <param name="Directories">The directories.</param>
/// <param name="Providers">The OpenID Connect providers.</param>
public sealed record SystemModel(
    IReadOnlyList<HealthRow> Health, IReadOnlyList<RegistryRow> Registries, IReadOnlyList<RegistryUpstreams> Upstreams,
    IReadOnlyList<KeyRow> Keys, IReadOnlyList<DirectoryRow> Directories, IReadOnlyList<ProviderRow> Providers);

/// <summary>A part of the server's health.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Status">How it is.</param>
/// <param name="Reason">Why; "" when it is well.</param>
public sealed record HealthRow(string Name, string Status, string Reason);

/// <summary>A registry.</summary>
/// <param name="Name">Its service name.</param>
/// <param name="Url">Where clients reach it; "" when not configured.</param>
/// <param name="Audience">The audience of its tokens.</param>
/// <param name="Algorithm">The algorithm of their signatures.</param>
/// <param name="Reports">Whether it can report to the index.</param>
public sealed record RegistryRow(string Name, string Url, string Audience, string Algorithm, bool Reports);

/// <summary>The upstreams of a registry.</summary>
/// <param name="Registry">Its service name.</param>
/// <param name="Instance">Which process of it answered: counts and states are its own.</param>
/// <param name="Since">Since when it counts; null when it does not say.</param>
/// <param name="Problem">Why there are none; null when there are.</param>
/// <param name="Rows">The upstreams.</param>
public sealed record RegistryUpstreams(
    string Registry, string Instance, DateTimeOffset? Since, string? Problem, IReadOnlyList<UpstreamRow> Rows);

/// <summary>An upstream; a number that the registry does not tell is null.</summary>
/// <param name="Name">Its name.</param>
/// <param name="IsConfigured">Whether it is configured; otherwise only copies are left of it.</param>
/// <param name="Failure">Why it is not asked; null when it is.</param>
/// <param name="PausedUntil">Until when it asks to be left alone; null when it does not.</param>
/// <param name="Hits">Requests answered from what was there.</param>
/// <param name="Misses">Those for which something was downloaded.</param>
/// <param name="Stale">Those answered with a copy that could not be looked up again.</param>
/// <param name="Failed">Those for which there was nothing.</param>
/// <param name="SavedBytes">How much more clients got than it sent.</param>
/// <param name="Remaining">How many more manifests it gives.</param>
/// <param name="Limit">How many it gives in all.</param>
/// <param name="Seconds">In which time.</param>
/// <param name="HeldBytes">What is kept of it.</param>
/// <param name="QuotaBytes">The most that is kept.</param>
public sealed record UpstreamRow(
    string Name, bool IsConfigured, string? Failure, DateTimeOffset? PausedUntil, long? Hits, long? Misses, long? Stale, long? Failed,
    long? SavedBytes, long? Remaining, long? Limit, long? Seconds, long? HeldBytes, long? QuotaBytes)
{
    /// <summary>Whether it answers, for people.</summary>
    public string State => !IsConfigured ? "no longer configured"
        : Failure is { } reason ? $"failing: {reason}"
        : PausedUntil is { } until ? $"asks to be left alone until {Shell.Exact(until)}" : "reachable";

    /// <summary>What it said last of its rate limit, for people; "" for nothing.</summary>
    public string RateLimit => Remaining is not { } remaining ? ""
        : string.Create(CultureInfo.InvariantCulture, $"{remaining}{(Limit is { } all ? $" of {all}" : "")} left")
            + (Seconds is { } seconds ? string.Create(CultureInfo.InvariantCulture, $" in {seconds / 60} minutes") : "");

    /// <summary>What is kept of it and at most, for people.</summary>
    public string Kept => (HeldBytes is { } held ? Shell.Size(held) : "") + (QuotaBytes is { } quota ? $" of {Shell.Size(quota)}" : "");
}

/// <summary>A signing key.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Algorithm">Its algorithm.</param>
/// <param name="State">What it does now.</param>
/// <param name="SignsFrom">From when on it signs.</param>
/// <param name="PublishedUntil">Until when it is published; null when that is open.</param>
public sealed record KeyRow(string Id, string Algorithm, string State, DateTimeOffset SignsFrom, DateTimeOffset? PublishedUntil);

/// <summary>A directory.</summary>
/// <param name="Name">Its name.</param>
/// <param name="State">How it is.</param>
public sealed record DirectoryRow(string Name, string State);

/// <summary>An OpenID Connect provider.</summary>
/// <param name="Name">Its name.</param>
/// <param name="DisplayName">What people know it as.</param>
/// <param name="Issuer">Its issuer.</param>
public sealed record ProviderRow(string Name, string DisplayName, string Issuer);
