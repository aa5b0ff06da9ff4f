using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Identity.Passwords;

namespace AuthIndex.TokenServer.Identity.Throttling;

/// <summary>
/// How many sign-ins may fail: of one account from one address, of one account from everywhere, of one address for any accounts.
/// Where an account signed in lately only the first holds for it, so that nobody elsewhere locks it out by guessing. What a registry
/// passes on is counted for that registry alone: the address is its word. These counts are of this process, and gone when it ends;
/// servers that share a database count together there as well.
/// </summary>
internal sealed class SignInLimits(
    SignInLimitsOptions options, TimeProvider time, HeldAccounts? held = null, ISharedFailures? shared = null)
{
    // Where an account signed in lately, what is remembered is compared with so many more guesses than are checked.
    private const int ShieldFactor = 100;

    private const int MaxFailedCredentials = 10_000;

    private readonly Lock gate = new();
    private readonly KeyedHash hash = new();
    private readonly FailureRateLimiter pairs = new(options.PerAccountAndAddress, options.Within, time);
    private readonly FailureRateLimiter compared = new(options.PerAccountAndAddress * ShieldFactor, options.Within, time);
    private readonly FailureRateLimiter accounts = new(options.PerAccount, options.Within, time);
    private readonly FailureRateLimiter networks = new(options.PerAddress, options.Within, time);
    private readonly KnownPlaces places = new(time);
    private readonly TtlMap<UInt256, SignInOutcome> failed = new(MaxFailedCredentials, options.Within, time);

    // Separate from passwords: a script with expired tokens must not keep people at its address from signing in.
    private readonly FailureRateLimiter deadTokens = new(options.PerAddress, options.Within, time);
    private readonly TtlMap<UInt256, SignInOutcome> failedTokens = new(MaxFailedCredentials, options.Within, time);

    // How often an account was released: part of what its failures are counted under, so that no address need be known for it.
    private readonly ConcurrentDictionary<string, int> releases = new(StringComparer.Ordinal);

    private SignInLimitsOptions Options => options;

    private HeldAccounts? Held => held;

    private ISharedFailures? Shared => shared;

    /// <summary>Forgets all failed sign-ins of an account, from wherever they came. An administrator's act, so there are few.</summary>
    public void Release(string account) => releases.AddOrUpdate(account.Trim().ToUpperInvariant(), 1, (_, count) => count + 1);

    /// <summary>Starts an attempt with a user name and a password.</summary>
    /// <param name="user">The user name.</param>
    /// <param name="address">Where the request came from; null when unknown.</param>
    /// <param name="registry">The registry that passed it on; empty for none.</param>
    public SignInAttempt Begin(string user, IPAddress? address, string registry = "") =>
        new(this, new Requester(ClientNetwork.Of(address), user.Trim(), registry), IsOneClient(address));

    /// <summary>
    /// An unknown token was sent. Tokens cannot be guessed, so they are always checked; but an address that sends many different ones is
    /// refused. Repeating the same one does not count again.
    /// </summary>
    /// <param name="address">Where the request came from; null when unknown.</param>
    /// <param name="token">The token; only a keyed hash of it is kept.</param>
    /// <param name="outcome">What was found of it.</param>
    /// <param name="registry">The registry that passed it on; empty for none.</param>
    /// <returns>Null, or the refusal for the address.</returns>
    public SignInOutcome.Limited? UnknownToken(IPAddress? address, string token, SignInOutcome outcome, string registry = "")
    {
        if (!IsOneClient(address)) return null;
        var network = Hash(new Requester(ClientNetwork.Of(address), "", registry), Kind.Network);
        var credentials = hash.Of(token);
        lock (gate)
        {
            if (failedTokens.Find(credentials) is not null) return null;
            if (deadTokens.Wait(network) is var wait && wait > TimeSpan.Zero)
            {
                return Limited(wait, options.PerAddress, "with tokens from this address");
            }

            deadTokens.Take(network);
            failedTokens.Set(credentials, outcome);
            return null;
        }
    }

    /// <summary>The refusal for an address that sent too many different unknown tokens; null when it may send another.</summary>
    public SignInOutcome.Limited? TokenObstacle(IPAddress? address)
    {
        if (!IsOneClient(address)) return null;
        var network = Hash(new Requester(ClientNetwork.Of(address), ""), Kind.Network);
        lock (gate)
        {
            return deadTokens.Wait(network) is var wait && wait > TimeSpan.Zero
                ? Limited(wait, options.PerAddress, "with tokens from this address")
                : null;
        }
    }

    // Behind loopback there is a proxy that does not say for whom it asks, or everybody on this machine.
    private static bool IsOneClient(IPAddress? address) => address is not null && !IPAddress.IsLoopback(address);

    private SignInOutcome.Limited OfPair(TimeSpan wait) =>
        Limited(wait, options.PerAccountAndAddress, "of this account from this address");

    private SignInOutcome.Limited OfAccount(TimeSpan wait) => Limited(wait, options.PerAccount, "of this account from all addresses");

    private SignInOutcome.Limited OfAddress(TimeSpan wait) => Limited(wait, options.PerAddress, "from this address");

    private SignInOutcome.Limited Limited(TimeSpan wait, int most, string of) =>
        new(wait, string.Create(CultureInfo.InvariantCulture, $"{most} sign-ins {of} have failed within {options.Within}"));

    private UInt256 Hash(Requester who, Kind kind)
    {
        var account = who.Account.ToUpperInvariant();
        const int head = 1 + 16 + sizeof(int);
        Span<byte> text = stackalloc byte[
            head + Encoding.UTF8.GetMaxByteCount(PasswordSignIn.MaxUserLength) + 1 + Encoding.UTF8.GetMaxByteCount(who.Registry.Length)];
        text[0] = (byte)kind;
        MemoryMarshal.Write(text[1..], who.Network.Number);
        MemoryMarshal.Write(text[17..], releases.GetValueOrDefault(account));
        var length = head + Encoding.UTF8.GetBytes(account, text[head..]);
        if (who.Registry.Length > 0)
        {
            text[length++] = 0; // no user name has a NUL
            length += Encoding.UTF8.GetBytes(who.Registry, text[length..]);
        }

        return hash.Of(text[..length]);
    }

    private enum Kind : byte
    {
        Pair,
        Account,
        Network,
    }

    /// <summary>One sign-in attempt and its limits.</summary>
    internal sealed class SignInAttempt(SignInLimits limits, Requester by, bool isOneClient)
    {
        private readonly UInt256 pair = limits.Hash(by, Kind.Pair);

        // Made when they are first needed, which they are not where the account signed in lately and is remembered.
        private UInt256? account;
        private UInt256? network;

        // None is given back that was not taken: where the account is known it may be tried although an address has no try left.
        private bool isOfPair;
        private bool isOfAccount;
        private bool isOfNetwork;
        private SignInCounts sharedTaken;

        /// <summary>On whose behalf it waits.</summary>
        public Requester By => by;

        private UInt256 Account => account ??= limits.Hash(by with { Network = default }, Kind.Account);

        private UInt256 Network => network ??= limits.Hash(by with { Account = "" }, Kind.Network);

        /// <summary>The limit that forbids checking the credentials; null when none does.</summary>
        /// <param name="mayRecall">Whether they may be compared with what is remembered all the same, and <see cref="Missed"/> be
        /// called when that does not help.</param>
        public SignInOutcome.Limited? Obstacle(out bool mayRecall)
        {
            lock (limits.gate)
            {
                var obstacle = Obstacle();
                mayRecall = obstacle is not null && limits.places.HasOwn(by) && limits.compared.Wait(pair) == TimeSpan.Zero;
                return obstacle;
            }
        }

        /// <summary>The credentials were compared with what is remembered, and are others.</summary>
        public void Missed()
        {
            lock (limits.gate) limits.compared.Take(pair);
        }

        /// <summary>
        /// Takes a try before the credentials are checked, so that parallel attempts do not bypass the limit. Null when there was one.
        /// </summary>
        public SignInOutcome? Take()
        {
            lock (limits.gate)
            {
                if (Obstacle() is { } obstacle) return obstacle;
                isOfPair = limits.pairs.Take(pair);
                isOfAccount = limits.accounts.Take(Account);
                isOfNetwork = isOneClient && limits.networks.Take(Network);
                return null;
            }
        }

        /// <summary>Takes a try of the servers that share a database. Null when there was one.</summary>
        public async ValueTask<SignInOutcome.Limited?> TakeSharedAsync()
        {
            if (limits.Shared is not { } shared) return null;
            var (taken, exhausted, wait) = await shared.TakeAsync(by, isOneClient, limits.Options);
            sharedTaken = taken;
            return exhausted switch
            {
                SignInCounts.None => null,
                SignInCounts.Address => limits.OfAddress(wait),
                SignInCounts.Account => Held(limits.OfAccount(wait)),
                _ => Held(limits.OfPair(wait)),
            };
        }

        /// <summary>The credentials were checked after a try was taken.</summary>
        /// <param name="outcome">What came of it.</param>
        /// <param name="credentials">Their key.</param>
        public async ValueTask CheckedAsync(SignInOutcome outcome, UInt256 credentials)
        {
            if (Checked(outcome, credentials)) return;
            await GiveBackSharedAsync(isSignedIn: outcome is SignInOutcome.SignedIn);
        }

        /// <summary>The check was aborted after a try was taken, and no outcome was revealed.</summary>
        public async ValueTask GiveBackAsync()
        {
            lock (limits.gate) Return();
            await GiveBackSharedAsync(isSignedIn: false);
        }

        /// <summary>The sign-in succeeded.</summary>
        public void SignedIn()
        {
            lock (limits.gate)
            {
                if (!limits.places.HasOwn(by)) limits.places.Add(by);
            }
        }

        /// <summary>Whether it was a guess, which is counted.</summary>
        private bool Checked(SignInOutcome outcome, UInt256 credentials)
        {
            lock (limits.gate)
            {
                // Repeating the same wrong password is not a new guess: a client with an outdated password harms nobody around it.
                var isGuess = outcome is not (SignInOutcome.SignedIn or SignInOutcome.Unavailable)
                    && limits.failed.Find(credentials) is null;
                if (isGuess)
                {
                    limits.failed.Set(credentials, outcome);
                    return true;
                }

                Return();
                if (outcome is SignInOutcome.SignedIn) limits.pairs.Clear(pair);
                return false;
            }
        }

        private async ValueTask GiveBackSharedAsync(bool isSignedIn)
        {
            if (limits.Shared is not { } shared || (sharedTaken == SignInCounts.None && !isSignedIn)) return;
            var taken = sharedTaken;
            sharedTaken = SignInCounts.None;
            await shared.GiveBackAsync(by, taken, isSignedIn, limits.Options);
        }

        private void Return()
        {
            if (isOfPair) limits.pairs.GiveBack(pair);
            if (isOfAccount) limits.accounts.GiveBack(Account);
            if (isOfNetwork) limits.networks.GiveBack(Network);
            isOfPair = isOfAccount = isOfNetwork = false;
        }

        private SignInOutcome.Limited? Obstacle()
        {
            if (limits.pairs.Wait(pair) is var ofPair && ofPair > TimeSpan.Zero)
            {
                return Held(limits.OfPair(ofPair));
            }

            if (limits.places.Has(by)) return null;
            if (isOneClient && limits.networks.Wait(Network) is var ofNetwork && ofNetwork > TimeSpan.Zero)
            {
                return limits.OfAddress(ofNetwork);
            }

            return limits.accounts.Wait(Account) is var ofAccount && ofAccount > TimeSpan.Zero
                ? Held(limits.OfAccount(ofAccount))
                : null;
        }

        private SignInOutcome.Limited Held(SignInOutcome.Limited limited)
        {
            if (by.Registry.Length == 0) limits.Held?.Add(by.Account, limited.RetryAfter, limited.Reason);
            return limited;
        }
    }
}
