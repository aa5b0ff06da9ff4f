using System.ComponentModel.DataAnnotations;
using AuthIndex.Hosting.Configuration;

namespace AuthIndex.TokenServer.Identity.Throttling;

/// <summary>How many sign-ins may fail before further ones are answered with 429; 0 sets no such limit.</summary>
internal sealed class SignInLimitsOptions
{
    /// <summary>The time that the numbers are for; tries come back evenly over it.</summary>
    [DurationRange("1s", "24h")]
    public TimeSpan Within { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>For one account from one address.</summary>
    [Range(0, 100_000)]
    public int PerAccountAndAddress { get; set; } = 10;

    /// <summary>For one account from all addresses together where it did not sign in lately.</summary>
    [Range(0, 100_000)]
    public int PerAccount { get; set; } = 100;

    /// <summary>For one address, whatever the accounts; not for loopback, where a proxy stands.</summary>
    [Range(0, 100_000)]
    public int PerAddress { get; set; } = 100;
}
