using System.Diagnostics;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Registries;

namespace AuthIndex.TokenServer.Portal.Images;

/// <summary>What a registry did not do, as a page.</summary>
internal static class RegistryProblem
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    /// <summary>Why, for people.</summary>
    public static string TextOf(RegistryAnswer answer) => answer switch
    {
        RegistryAnswer.Refused { Reason: var reason } => reason,
        RegistryAnswer.Unreachable { Reason: var reason } => reason,
        RegistryAnswer.Missing => "The registry has no such image.",
        _ => throw new UnreachableException($"{answer.GetType().Name} is not a problem."),
    };

    /// <summary>The page.</summary>
    public static Task<Answer> ProblemAsync(this PageRenderer pages, Visitor visitor, RegistryAnswer answer) => answer switch
    {
        RegistryAnswer.Unreachable => pages.ProblemAsync(
            visitor, StatusCodes.Status503ServiceUnavailable, "The registry cannot be asked", TextOf(answer), Pause),
        RegistryAnswer.Refused { Status: System.Net.HttpStatusCode.PreconditionFailed or System.Net.HttpStatusCode.Conflict } =>
            pages.ProblemAsync(visitor, StatusCodes.Status409Conflict, "Something has changed", TextOf(answer)),
        _ => pages.ProblemAsync(visitor, StatusCodes.Status502BadGateway, "The registry's answer is of no use", TextOf(answer)),
    };
}
