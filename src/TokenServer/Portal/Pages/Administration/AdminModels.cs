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
/// <param name="Keys">The signing keys.</param>
/// <param name="Directories">The directories.</param>
/// <param name="Providers">The OpenID Connect providers.</param>
public sealed record SystemModel(
    IReadOnlyList<HealthRow> Health, IReadOnlyList<RegistryRow> Registries, IReadOnlyList<KeyRow> Keys,
    IReadOnlyList<DirectoryRow> Directories, IReadOnlyList<ProviderRow> Providers);

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
