using System.Net;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Policies;

/// <summary>Stand-in: who asks.</summary>
internal sealed record Caller(string Account, IReadOnlyList<string> Groups, IPAddress? Address, string Service, string SignedInBy);

/// <summary>Stand-in: the words of <c>signedInBy</c>.</summary>
internal static class SignIn
{
    public const string Anonymous = "anonymous";
    public const string Htpasswd = "htpasswd";
}

/// <summary>Stand-in: what the policy says.</summary>
internal sealed record Decision(Scope Granted, ActionSet Refused, string? Reason);

/// <summary>Stand-in: the shipped policy in code.</summary>
internal sealed class Policy
{
    public string Revision { get; } = "stand-in";

#pragma warning disable CA1822 // the real one has state
    public Decision Decide(Caller caller, Scope requested, DateTimeOffset now)
    {
        var allowed = ActionSet.None;
        if (caller.Account == "admin") allowed = ActionSet.All;
        else if (requested.Type == Scope.RepositoryType)
        {
            if (requested.Name.StartsWith("public/", StringComparison.Ordinal)) allowed = ActionSet.Pull;
            if (caller.Account.Length > 0 && requested.Name.StartsWith($"users/{caller.Account}/", StringComparison.Ordinal)) allowed = ActionSet.Pull.Union(ActionSet.Push).Union(ActionSet.Delete);
        }

        var granted = requested.Grant(allowed);
        var refused = requested.Actions.Except(granted.Actions);
        return new Decision(granted, refused, refused.IsEmpty ? null : $"no rule allows {refused} on {requested.Name}");
    }
}

/// <summary>Stand-in: where the policy in force is kept.</summary>
internal sealed class PolicyStore
{
    public Policy Current { get; } = new();

    /// <summary>Why the newest files are not in force; null when they are.</summary>
    public string? Degraded { get; }

    public static PolicyStore Open(string path, TimeProvider time, ILogger<PolicyStore> logger) => Directory.Exists(path)
        ? new PolicyStore()
        : throw new Hosting.OperatorException([new SourceProblem(new SourcePosition(path, 0, 0), "no such directory")]);
}

/// <summary>Stand-in: follows the files.</summary>
internal sealed class PolicyWatcher(PolicyStore store) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        ArgumentNullException.ThrowIfNull(store);
        return Task.CompletedTask;
    }
}
