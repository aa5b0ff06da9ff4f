using System.Collections.Concurrent;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Ldap.Native;
using Microsoft.Extensions.Logging;

namespace AuthIndex.TestKit;

/// <summary>The sign-in of the token server over directories of a test, with a clock of the test's own.</summary>
internal sealed class LdapSignIn : IDisposable
{
    private readonly LdapSource[] sources;
    private readonly IdentityChain chain;

    public LdapSignIn(params LdapDirectoryOptions[] directories)
        : this([], directories)
    {
    }

    public LdapSignIn(IIdentitySource[] before, params LdapDirectoryOptions[] directories)
    {
        sources = [.. DirectorySettings.Read(directories).Select(s => new LdapSource(s, new ProtocolsConnector(s.Options.CaFile), Clock, Log))];
        chain = new IdentityChain([.. before, .. sources], new RememberedCredentials(TimeSpan.FromHours(1), Clock));
    }

    /// <summary>The clock of everything but the connections themselves.</summary>
    public ManualClock Clock { get; } = new();

    /// <summary>What was logged.</summary>
    public LogLines Log { get; } = new();

    /// <summary>How the first directory is.</summary>
    public DirectoryHealth Health => sources[0].Health;

    public async Task<SignInOutcome> AsAsync(string user, string password) => await chain.SignInAsync(user, password, CancellationToken.None);

    public async Task<SignInOutcome> FindAsync(string account) => await chain.FindAsync(account, CancellationToken.None);

    public void Dispose()
    {
        foreach (var source in sources) source.Dispose();
    }

    /// <summary>A log that is kept.</summary>
    public sealed class LogLines : ILogger<LdapSource>
    {
        public ConcurrentQueue<string> All { get; } = new();

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            All.Enqueue($"{logLevel}: {formatter(state, exception)}");
    }
}
