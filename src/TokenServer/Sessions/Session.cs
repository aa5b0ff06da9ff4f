using AuthIndex.TokenServer.Identity;

namespace AuthIndex.TokenServer.Sessions;

/// <summary>A sign-in to the portal as the server keeps it: everything but the secret in the cookie.</summary>
/// <param name="Id">Its public name, in lists and logs.</param>
/// <param name="Account">The account's canonical name.</param>
/// <param name="Origin">Which account of that name it is.</param>
/// <param name="Created">When it began, or up to a quarter of an hour earlier, when its owner proved who they are; whole seconds.</param>
/// <param name="Used">When it was last used; up to a minute late.</param>
/// <param name="Address">The address of the sign-in; null when unknown.</param>
internal sealed record Session(
    string Id, string Account, AccountOrigin Origin, DateTimeOffset Created, DateTimeOffset Used, string? Address);
