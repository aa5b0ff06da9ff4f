using System.ComponentModel.DataAnnotations;
using AuthIndex.Hosting.Configuration;

namespace AuthIndex.RegistryCore.Access;

/// <summary>The index's revocations.</summary>
internal sealed class RevocationOptions
{
    /// <summary>The word for refusing tokens.</summary>
    public const string Refuse = "refuse";

    /// <summary>Whether they are followed; false where the token server has none.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>
    /// What becomes of tokens when the index has not been heard of for longer than <see cref="After"/>: continue to believe them, or
    /// refuse.
    /// </summary>
    [AllowedValues("continue", Refuse)]
    public string WhenCut { get; set; } = "continue";

    /// <summary>The time without an answer after which <see cref="WhenCut"/> applies.</summary>
    [DurationRange("1m", "30d")]
    public TimeSpan After { get; set; } = TimeSpan.FromMinutes(5);
}
