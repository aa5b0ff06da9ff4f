using System.Collections.Concurrent;
using AuthIndex.Hosting;
using AuthIndex.TokenServer.Identity.Ldap.Accounts;

namespace AuthIndex.TokenServer.Identity.Ldap.Connections;

/// <summary>The state of a directory, for readiness.</summary>
internal enum DirectoryHealth
{
    /// <summary>Every server is in use and can be searched.</summary>
    Ok,

    /// <summary>A server is out of use while another one serves, or one refuses a search.</summary>
    Degraded,

    /// <summary>Every server is out of use, or the searching account cannot bind.</summary>
    Unavailable,
}

/// <summary>A directory's servers in order, with the state of each; shared by all its threads.</summary>
internal sealed class ServerGroup
{
    private readonly DirectoryBreaker[] servers;
    private readonly DirectorySettings settings;
    private readonly Action<string> tellRefusal;

    // Result codes by the key of the search's base, baseDn or groups.baseDn. Searches for single entries often find nothing.
    private readonly ConcurrentDictionary<string, int> refusals = new(StringComparer.Ordinal);

    /// <param name="settings">The directory.</param>
    /// <param name="time">The clock.</param>
    /// <param name="log">Takes what goes wrong.</param>
    public ServerGroup(DirectorySettings settings, TimeProvider time, ILogger log)
    {
        this.settings = settings;
        servers = [.. settings.Servers.Select(s => new DirectoryBreaker(s, settings.Options.Timeouts.Retry, time))];
        Account = new ServiceAccount(settings, time);
        tellRefusal = reason => LdapLog.SearchRefused(log, settings.Name, LogText.Clean(reason));
    }

    /// <summary>The account that searches.</summary>
    public ServiceAccount Account { get; }

    /// <summary>What is wrong, without names of servers, accounts or files, which are only in the log; null when nothing is.</summary>
    public string? Problem
    {
        get
        {
            var failed = servers.Where(s => s.Failure is not null).ToList();
            return Join(
            [
                Account.Problem is null ? null : "its servers reject bindDn, or its password cannot be read",
                failed.Exists(s => s.IsUntrusted) ? "the TLS certificate of a server cannot be trusted" : null,
                failed.Exists(s => !s.IsUntrusted) ? failed.Count < servers.Length
                    ? "one of its servers does not answer"
                    : "none of its servers answers" : null,
                .. refusals.Select(r => $"a search at {r.Key} is refused: {ResultCodes.Name(r.Value)}"),
            ]);
        }
    }

    /// <summary>The breakers of the servers, in the configured order.</summary>
    public IReadOnlyList<DirectoryBreaker> Servers => servers;

    /// <summary>The state of the directory.</summary>
    public DirectoryHealth Health
    {
        get
        {
            var failed = servers.Count(s => s.Failure is not null);
            if (failed == servers.Length || Account.Problem is not null) return DirectoryHealth.Unavailable;
            return failed == 0 && refusals.IsEmpty ? DirectoryHealth.Ok : DirectoryHealth.Degraded;
        }
    }

    /// <summary>Records whether a search was answered or refused.</summary>
    /// <param name="baseDn">Where it began.</param>
    /// <param name="refusal">The refusal; null when it was answered.</param>
    public void Searched(string baseDn, SearchRefusedException? refusal)
    {
        var key = baseDn == settings.Options.BaseDn ? "baseDn" : baseDn == settings.Options.Groups.BaseDn ? "groups.baseDn" : null;
        if (key is null) return;
        if (refusal is null) refusals.TryRemove(key, out _);
        else if (refusals.TryAdd(key, refusal.Code)) tellRefusal(refusal.Message);
    }

    /// <summary>The exception that no server answers, with the time until the next attempt and each server's failure.</summary>
    public DirectoryUnavailableException Unavailable(string? last)
    {
        var wait = servers.Min(s => s.Remaining);
        return new DirectoryUnavailableException(
            wait < TimeSpan.FromSeconds(1) ? TimeSpan.FromSeconds(1) : wait, Join(servers.Select(s => s.Failure).Append(last)) ?? "");
    }

    private static string? Join(IEnumerable<string?> reasons) =>
        string.Join("; ", reasons.OfType<string>().Distinct(StringComparer.Ordinal)) is { Length: > 0 } all ? all : null;
}
